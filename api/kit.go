package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"offhook/resource"
	"offhook/store"
)

// What a collection offers.
type verbs uint8

const (
	canList verbs = 1 << iota
	canRead
	canCreate
	canUpdate
	canDelete

	readOnly = canList | canRead
	plain    = readOnly | canCreate | canUpdate | canDelete
)

// collection describes a resource. With it the kit serves GET (list and one),
// POST, PUT and DELETE, provisions it, documents it and tells its events; a
// plain resource is one value of this type and nothing else.
type collection[T any, P store.RowOf[T]] struct {
	path     string // plural, in the URL
	name     string // singular, in events and reasons
	rows     *store.Collection[T, P]
	verbs    verbs
	writable string            // fields that clients set
	required string            // of those, what POST needs
	secret   string            // of those, what is never shown
	unique   string            // field that no two rows may share, for the message of 409
	emits    string            // of created, updated, deleted: what customers are told
	filters  map[string]string // query parameter → key of the store
	admin    bool              // for the administrator alone

	match map[string]func(row *T, value string) bool // further query parameters, looked at row by row

	fresh   func(row *T)                                                         // defaults of what is empty
	check   func(c *check, row *T)                                               // the rules; also for PUT
	prepare func(old, row *T)                                                    // after the rules, before it is stored; old is nil for a new row
	show    func(ctx context.Context, row *T)                                    // live fields, before it is shown
	owner   func(who principal, id string) string                                // whose row an id is; nil: the caller's
	remove  func(ctx context.Context, row *T) error                              // before it is deleted
	changed func(ctx context.Context, tx *store.Tx, action string, row *T) error // in the transaction
}

// page is one page of a list.
type page[T any] struct {
	Result        []*T   `json:"result" doc:"Newest first"`
	NextPageToken string `json:"next_page_token" doc:"page_token of the next page; empty on the last"`
}

// served is a collection in operation: the description and its schemas.
type served[T any, P store.RowOf[T]] struct {
	collection[T, P]
	s        *Server
	schema   *huma.Schema
	writes   []string
	requires []string
	secrets  []string
	event    map[string]bool
}

// describeCollection prepares a collection without mounting it.
func describeCollection[T any, P store.RowOf[T]](s *Server, c collection[T, P]) *served[T, P] {
	v := &served[T, P]{collection: c, s: s, schema: schemaFor[T](s), event: map[string]bool{}}
	v.writes, v.requires, v.secrets = strings.Fields(c.writable), strings.Fields(c.required), strings.Fields(c.secret)
	for _, e := range strings.Fields(c.emits) {
		v.event[e] = true
	}
	v.markSchema()
	return v
}

// serve registers a collection.
func serve[T any, P store.RowOf[T]](s *Server, c collection[T, P]) *served[T, P] {
	v := describeCollection(s, c)
	one, all := "/"+c.path+"/{id}", "/"+c.path
	on := func(verb verbs, e endpoint) {
		if c.verbs&verb != 0 {
			e.tag, e.admin = c.path, c.admin
			s.mount(e)
		}
	}
	list := slices.Clone(pageParameters)
	for _, f := range slices.Sorted(maps.Keys(c.filters)) {
		list = append(list, parameter{name: f, doc: "Only rows with this " + f})
	}
	for _, f := range slices.Sorted(maps.Keys(c.match)) {
		list = append(list, parameter{name: f, doc: "Only rows with this " + f + "; several, separated by commas: any of them"})
	}
	on(canList, endpoint{
		method: http.MethodGet, path: all, name: camel("list " + c.path), doc: "List " + c.path + ", newest first",
		query: list, answer: schemaFor[page[T]](s), serve: v.list,
	})
	on(canRead, endpoint{method: http.MethodGet, path: one, name: camel("read " + c.name), doc: "Read one " + c.name, answer: v.schema, serve: v.read})
	on(canCreate, endpoint{
		method: http.MethodPost, path: all, name: camel("create " + c.name), doc: "Create a " + c.name,
		body: v.createSchema(), answer: v.schema, serve: v.post,
	})
	on(canUpdate, endpoint{
		method: http.MethodPut, path: one, name: camel("update " + c.name), doc: "Change the given fields of a " + c.name,
		body: v.schema, answer: v.schema, serve: v.put,
	})
	on(canDelete, endpoint{method: http.MethodDelete, path: one, name: camel("delete " + c.name), doc: "Delete a " + c.name, answer: v.schema, serve: v.delete})
	if c.verbs&canCreate != 0 && !c.admin {
		s.provisioners[c.path] = provisioner{c.name, v.plan}
	}
	return v
}

// markSchema notes in the documentation which fields are the server's and
// which are never shown.
func (v *served[T, P]) markSchema() {
	props := v.s.resolve(v.schema).Properties
	for name, p := range props {
		p.ReadOnly = name != "id" && name != "customer_id" && !slices.Contains(v.writes, name)
		p.WriteOnly = slices.Contains(v.secrets, name)
	}
}

// createSchema is the schema of POST: the object's, with what is required.
func (v *served[T, P]) createSchema() *huma.Schema {
	if len(v.requires) == 0 {
		return v.schema
	}
	full := v.s.resolve(v.schema)
	name := reflect.TypeFor[T]().Name() + "Create"
	create := &huma.Schema{Type: huma.TypeObject, Properties: full.Properties, Required: v.requires, AdditionalProperties: false}
	create.PrecomputeMessages()
	v.s.schemas.Map()[name] = create
	return &huma.Schema{Ref: "#/components/schemas/" + name}
}

func (v *served[T, P]) list(r *request) (any, error) {
	var filters []store.Filter
	for name, key := range v.filters {
		if value := r.URL.Query().Get(name); value != "" {
			filters = append(filters, store.Filter{Key: key, Value: value})
		}
	}
	return v.listBy(r, filters...)
}

// listBy answers with one page of the rows that pass the filters.
func (v *served[T, P]) listBy(r *request, filters ...store.Filter) (any, error) {
	size, token, err := r.page()
	if err != nil {
		return nil, err
	}
	answer := page[T]{Result: []*T{}}
	for {
		want := store.Page{Size: size - len(answer.Result), Token: token}
		rows, next, err := v.rows.List(r.Context(), v.s.db, r.who.CustomerID, want, filters...)
		if err != nil {
			return nil, badToken(err)
		}
		for _, row := range rows {
			if v.matches(r, row) {
				answer.Result = append(answer.Result, v.reveal(r.Context(), row))
			}
		}
		token = next
		if next == "" || len(answer.Result) == size {
			answer.NextPageToken = next
			return answer, nil
		}
	}
}

// matches holds a row against the query parameters that no key serves.
func (v *served[T, P]) matches(r *request, row *T) bool {
	for name, ok := range v.match {
		given := r.URL.Query().Get(name)
		if given != "" && !slices.ContainsFunc(strings.Split(given, ","), func(value string) bool { return ok(row, value) }) {
			return false
		}
	}
	return true
}

func (v *served[T, P]) read(r *request) (any, error) {
	row, err := v.load(r.Context(), r.who, r.id())
	if err != nil {
		return nil, err
	}
	return v.reveal(r.Context(), row), nil
}

func (v *served[T, P]) post(r *request) (any, error) {
	row, err := v.create(r.Context(), r.who, r.raw, nil, nil)
	if err != nil {
		return nil, err
	}
	return v.reveal(r.Context(), row), nil
}

func (v *served[T, P]) put(r *request) (any, error) {
	row, _, err := v.update(r.Context(), r.who, r.id(), r.raw)
	if err != nil {
		return nil, err
	}
	return v.reveal(r.Context(), row), nil
}

func (v *served[T, P]) delete(r *request) (any, error) {
	row, err := v.load(r.Context(), r.who, r.id())
	if err != nil {
		return nil, err
	}
	if v.remove != nil {
		if err := v.remove(r.Context(), row); err != nil {
			return nil, err
		}
	}
	err = v.s.db.Write(r.Context(), func(tx *store.Tx) error {
		id := P(row).Identify()
		id.TMDelete = resource.Now()
		if err := v.rows.Delete(tx, id.CustomerID, id.ID); err != nil {
			return err
		}
		return v.note(r.Context(), tx, "deleted", row)
	})
	if err != nil {
		return nil, v.storeError(r.Context(), r.who, r.id(), err)
	}
	v.s.changed(v.name, "deleted", row)
	return v.reveal(r.Context(), row), nil
}

// whose is the customer that a row with this id belongs to.
func (v *served[T, P]) whose(who principal, id string) string {
	if v.collection.owner != nil {
		return v.collection.owner(who, id)
	}
	return who.CustomerID
}

func (v *served[T, P]) load(ctx context.Context, who principal, id string) (*T, error) {
	row, err := v.rows.Load(ctx, v.s.db, v.whose(who, id), id)
	if err != nil {
		return nil, v.storeError(ctx, who, id, err)
	}
	return row, nil
}

// storeError words what the store refused.
func (v *served[T, P]) storeError(ctx context.Context, who principal, id string, err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return notFound(v.name, id)
	case errors.Is(err, store.ErrExists):
		if _, err := v.rows.Load(ctx, v.s.db, v.whose(who, id), id); err == nil || v.unique == "" {
			return newError("ALREADY_EXISTS", "ALREADY_EXISTS", "the id %q is taken by another %s; choose one that is free, or leave id out", id, v.name)
		}
		return newError("ALREADY_EXISTS", "ALREADY_EXISTS", "another %s has this %s already", v.name, v.unique)
	}
	return err
}

// reveal returns a row as it is shown: live fields in, secrets out.
func (v *served[T, P]) reveal(ctx context.Context, row *T) *T {
	shown := *row
	if v.show != nil {
		v.show(ctx, &shown)
	}
	value := reflect.ValueOf(&shown).Elem()
	for _, name := range v.secrets {
		if f := fieldByJSON(value, name); f.IsValid() {
			f.SetZero()
		}
	}
	return listsOf(&shown)
}

// create makes a row of a POST body. setup, if any, completes the row before
// the rules are held against it; also, if any, joins the transaction.
func (v *served[T, P]) create(ctx context.Context, who principal, raw []byte, setup func(*T), also func(*store.Tx, *T) error) (*T, error) {
	row, id, err := v.fromBody(ctx, who, raw, setup)
	if err != nil {
		return nil, err
	}
	err = v.s.db.Write(ctx, func(tx *store.Tx) error {
		if err := v.rows.Insert(tx, row); err != nil {
			return err
		}
		if also != nil {
			if err := also(tx, row); err != nil {
				return err
			}
		}
		return v.note(ctx, tx, "created", row)
	})
	if err != nil {
		return nil, v.storeError(ctx, who, id, err)
	}
	v.s.changed(v.name, "created", row)
	return row, nil
}

// fromBody makes a row of a POST body and holds it against the rules; nothing
// is stored.
func (v *served[T, P]) fromBody(ctx context.Context, who principal, raw []byte, setup func(*T)) (row *T, chosen string, err error) {
	row, given, err := decode[T](v.s, v.schema, raw)
	if err != nil {
		return nil, "", v.withMissing(err, raw)
	}
	c := &check{ctx: ctx, s: v.s, who: who}
	c.faults = v.missing(given)
	v.refuseReadOnly(c, given, nil)
	id := P(row).Identify()
	now := resource.Now()
	*id = resource.Identity{ID: id.ID, TMCreate: now, TMUpdate: now}
	if _, chosen := given["id"]; chosen {
		c.id("id", id.ID)
	} else {
		id.ID = resource.NewID()
	}
	id.CustomerID = v.whose(who, id.ID)
	if setup != nil {
		setup(row)
	}
	return row, id.ID, v.settle(c, nil, row)
}

// settle applies the rules to a row that is about to be stored.
func (v *served[T, P]) settle(c *check, old, row *T) error {
	if v.fresh != nil {
		v.fresh(row)
	}
	if v.check != nil && len(c.faults) == 0 {
		v.collection.check(c, row)
	}
	if len(c.faults) > 0 {
		return invalid(c.faults)
	}
	if v.prepare != nil {
		v.prepare(old, row)
	}
	listsOf(row)
	return nil
}

// update changes the fields that a PUT body gives. changed is false when all
// of them had those values already.
func (v *served[T, P]) update(ctx context.Context, who principal, id string, raw []byte) (row *T, changed bool, err error) {
	_, given, err := decode[T](v.s, v.schema, raw)
	if err != nil {
		return nil, false, err
	}
	return v.modify(ctx, who, id, func(c *check, row *T) error { return v.takeOver(c, given, row) })
}

// takeOver sets the given fields of a row that clients may set.
func (v *served[T, P]) takeOver(c *check, given fields, row *T) error {
	before, err := jsonFields(row)
	if err != nil {
		return err
	}
	shown, err := jsonFields(v.reveal(c.ctx, row))
	if err != nil {
		return err
	}
	v.refuseReadOnly(c, given, shown)
	for name, value := range given {
		switch {
		case !slices.Contains(v.writes, name):
		case string(value) == "null":
			delete(before, name)
		default:
			before[name] = value
		}
	}
	merged, err := json.Marshal(before)
	if err != nil {
		return err
	}
	var next T
	if err := json.Unmarshal(merged, &next); err != nil {
		return err
	}
	*row = next
	return nil
}

// modify is every change of a row: load, change, hold against the rules,
// store, tell. The rules are held outside of the writer, which must not wait;
// when somebody else changed the row meanwhile, all of it is done again.
func (v *served[T, P]) modify(ctx context.Context, who principal, id string, change func(*check, *T) error) (*T, bool, error) {
	for {
		row, before, err := v.alter(ctx, who, id, change)
		if err != nil || before == nil {
			return row, false, err
		}
		err = v.s.db.Write(ctx, func(tx *store.Tx) error {
			if err := v.unmoved(tx, before, row); err != nil {
				return err
			}
			return v.replace(ctx, tx, row)
		})
		switch {
		case err == nil:
			v.s.changed(v.name, "updated", row)
			return row, true, nil
		case !errors.Is(err, errMoved):
			return nil, false, v.storeError(ctx, who, id, err)
		}
	}
}

// alter makes the changed row and holds it against the rules; nothing is
// stored. before is the row as it is stored, nil when nothing changes.
func (v *served[T, P]) alter(ctx context.Context, who principal, id string, change func(*check, *T) error) (row *T, before []byte, err error) {
	if row, err = v.load(ctx, who, id); err != nil {
		return nil, nil, err
	}
	if before, err = json.Marshal(listsOf(row)); err != nil {
		return nil, nil, err
	}
	c, old := &check{ctx: ctx, s: v.s, who: who}, *row
	if err := change(c, row); err != nil {
		return nil, nil, err
	}
	if err := v.settle(c, &old, row); err != nil {
		return nil, nil, err
	}
	after, err := json.Marshal(row)
	if err != nil {
		return nil, nil, err
	}
	if bytes.Equal(before, after) {
		return row, nil, nil
	}
	return row, before, nil
}

// errMoved says that a row is not what it was when it was read.
var errMoved = errors.New("the row has changed meanwhile")

// unmoved is errMoved when the stored row is not before any more.
func (v *served[T, P]) unmoved(tx *store.Tx, before []byte, row *T) error {
	_, same, err := v.present(tx, before, row)
	if err == nil && !same {
		err = errMoved
	}
	return err
}

// present reads what is stored of a row, and whether it is before.
func (v *served[T, P]) present(tx *store.Tx, before []byte, row *T) (stored *T, same bool, err error) {
	id := P(row).Identify()
	if stored, err = v.rows.Read(tx, id.CustomerID, id.ID); err != nil {
		return nil, false, err
	}
	now, err := json.Marshal(listsOf(stored))
	return stored, bytes.Equal(before, now), err
}

// replace stores row in place of what it was.
func (v *served[T, P]) replace(ctx context.Context, tx *store.Tx, row *T) error {
	if err := v.rows.Put(tx, row); err != nil {
		return err
	}
	return v.note(ctx, tx, "updated", row)
}

// part registers PUT /{path}/{id}/{sub}, which changes only some fields.
func (v *served[T, P]) part(sub string, names ...string) {
	all := v.s.resolve(v.schema).Properties
	schema := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: false, Properties: map[string]*huma.Schema{"customer_id": all["customer_id"]}}
	for _, name := range names {
		schema.Properties[name] = all[name]
	}
	schema.PrecomputeMessages()
	v.s.mount(endpoint{
		method: http.MethodPut, path: "/" + v.path + "/{id}/" + sub, name: camel("update " + v.name + " " + sub), tag: v.path,
		doc: "Change " + strings.Join(names, ", ") + " of a " + v.name, body: schema, answer: v.schema,
		serve: func(r *request) (any, error) {
			if _, _, err := decode[T](v.s, schema, r.raw); err != nil {
				return nil, err
			}
			return v.put(r)
		},
	})
}

// note does what a change brings with it, in its transaction: the event, and
// the collection's own hook.
func (v *served[T, P]) note(ctx context.Context, tx *store.Tx, action string, row *T) error {
	if v.collection.changed != nil {
		if err := v.collection.changed(ctx, tx, action, row); err != nil {
			return err
		}
	}
	if !v.event[action] {
		return nil
	}
	e, err := v.tell(ctx, row, v.name+"_"+action)
	if err != nil {
		return err
	}
	return tx.Emit(e)
}

// tell makes the event of a row as the API shows it.
func (v *served[T, P]) tell(ctx context.Context, row *T, name string) (resource.Event, error) {
	data, err := json.Marshal(v.reveal(ctx, row))
	if err != nil {
		return resource.Event{}, fmt.Errorf("event %s: %w", name, err)
	}
	id := P(row).Identify()
	return resource.Event{
		CustomerID: id.CustomerID, Type: name, Resource: v.name, ResourceID: id.ID,
		OrderKey: v.name + ":" + id.ID, Data: data,
	}, nil
}

// serverFields are set by the server alone and may be sent back as they were
// read: they change nothing.
var serverFields = []string{"id", "customer_id", "tm_create", "tm_update", "tm_delete", "import"}

// refuseReadOnly refuses fields that clients can't set, unless they are sent
// back just as they are.
func (v *served[T, P]) refuseReadOnly(c *check, given, present fields) {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if slices.Contains(serverFields, name) || slices.Contains(v.writes, name) || sameJSON(given[name], present[name]) {
			continue
		}
		c.fault(name, "READ_ONLY", "%s is set by the server; leave it out", name)
	}
}

// missing finds the required fields that a POST body does not give.
func (v *served[T, P]) missing(given fields) []Detail {
	var faults []Detail
	for _, name := range v.requires {
		if value, ok := given[name]; !ok || string(value) == "null" || string(value) == `""` {
			faults = append(faults, Detail{Path: name, Reason: "MISSING_FIELD", Message: fmt.Sprintf("%s is required", name)})
		}
	}
	return faults
}

// withMissing adds what is missing to what is wrong, so that both are told at once.
func (v *served[T, P]) withMissing(err error, raw []byte) error {
	given, parseErr := parseObject(raw)
	var e *Error
	if parseErr != nil || !errors.As(err, &e) || len(e.Details) == 0 {
		return err
	}
	return invalid(append(e.Details, v.missing(given)...))
}

// jsonFields is a row as its JSON fields.
func jsonFields(row any) (fields, error) {
	raw, err := json.Marshal(row)
	if err != nil {
		return nil, err
	}
	var f fields
	return f, json.Unmarshal(raw, &f)
}

// sameJSON compares values, not spelling.
func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || (len(b) > 0 && json.Unmarshal(b, &y) != nil) {
		return false
	}
	return reflect.DeepEqual(x, y)
}

// fieldByJSON finds a struct's field by its JSON name.
func fieldByJSON(v reflect.Value, name string) reflect.Value {
	for _, f := range reflect.VisibleFields(v.Type()) {
		if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag == name {
			return v.FieldByIndex(f.Index)
		}
	}
	return reflect.Value{}
}

// listsOf makes nil lists and maps of a row empty ones: clients see [] and {},
// not null.
func listsOf[T any](row *T) *T {
	v := reflect.ValueOf(row).Elem()
	for i := range v.NumField() {
		f := v.Field(i)
		switch {
		case f.Kind() == reflect.Slice && f.IsNil() && f.Type() != reflect.TypeFor[json.RawMessage]():
			f.Set(reflect.MakeSlice(f.Type(), 0, 0))
		case f.Kind() == reflect.Map && f.IsNil():
			f.Set(reflect.MakeMap(f.Type()))
		}
	}
	return row
}
