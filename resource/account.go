package resource

import "time"

// AdminCustomerID is the customer of the administrator's access key. It is
// fixed, so that provisioning files and event topics can name it.
const AdminCustomerID = "00000000-0000-4000-8000-000000000001"

// Customer owns everything else. Its webhook receives its events.
type Customer struct {
	Identity
	Name            string `json:"name" doc:"For people"`
	Detail          string `json:"detail" doc:"For people"`
	Email           string `json:"email,omitempty" doc:"For people"`
	PhoneNumber     string `json:"phone_number,omitempty" doc:"For people"`
	Address         string `json:"address,omitempty" doc:"For people"`
	Status          string `json:"status" doc:"active or frozen"`
	WebhookURI      string `json:"webhook_uri" doc:"Receives every event"`
	WebhookMethod   string `json:"webhook_method" doc:"POST by default"`
	WebhookSecret   string `json:"webhook_secret" doc:"whsec_ and base64; signs deliveries as Standard Webhooks has it"`
	AllowSIPTargets bool   `json:"allow_sip_targets" doc:"sip addresses may be dialled directly"`
}

// Accesskey lets a program in as its customer. Only a digest of the token is stored.
type Accesskey struct {
	Identity
	Name        string     `json:"name" doc:"For people"`
	Detail      string     `json:"detail" doc:"For people"`
	Token       string     `json:"token,omitempty" doc:"The key itself; shown once, when it is made"`
	TokenPrefix string     `json:"token_prefix" doc:"Begin of the key, to tell keys apart"`
	TokenHash   string     `json:"token_hash,omitempty" doc:"SHA-256 of the key; never shown"`
	Admin       bool       `json:"admin,omitempty" doc:"The administrator's key"`
	Expire      int        `json:"expire,omitempty" doc:"Seconds from its creation until it stops working; 0: never"`
	TMExpire    *time.Time `json:"tm_expire" doc:"When it stops working"`
}

// Tag labels agents for queues.
type Tag struct {
	Identity
	Name   string `json:"name" doc:"The label"`
	Detail string `json:"detail" doc:"For people"`
}

// Number is where calls come in and what may be shown as a caller.
type Number struct {
	Identity
	Number        string `json:"number" doc:"E.164 or any SIP user part; a trailing * matches a range, the longest match wins"`
	Type          string `json:"type" doc:"normal or virtual"`
	Name          string `json:"name" doc:"For people"`
	Detail        string `json:"detail" doc:"For people"`
	Status        string `json:"status" doc:"active"`
	CallFlowID    string `json:"call_flow_id" doc:"The flow of inbound calls; without one they get 404"`
	MessageFlowID string `json:"message_flow_id" doc:"Kept for VoIPBIN's clients"`
}

// Extension is a softphone's account at the registrar.
type Extension struct {
	Identity
	Extension  string    `json:"extension" doc:"Its number, which is also the user name"`
	Password   string    `json:"password,omitempty" doc:"For digest authentication; accepted, never shown"`
	Name       string    `json:"name" doc:"For people"`
	Detail     string    `json:"detail" doc:"For people"`
	DomainName string    `json:"domain_name" doc:"The SIP domain to register at"`
	Username   string    `json:"username" doc:"The user name to register with"`
	Registered []Contact `json:"registered" doc:"The contacts that are registered now"`
}

// Contact is one registered phone.
type Contact struct {
	URI       string     `json:"uri" doc:"Contact URI, RFC 3261 10.2.1"`
	Source    string     `json:"source" doc:"Address and port that it came from"`
	Transport string     `json:"transport" doc:"udp, tcp, tls, ws or wss"`
	UserAgent string     `json:"user_agent" doc:"What the phone calls itself"`
	TMExpire  *time.Time `json:"tm_expire" doc:"When the registration ends"`
}

// Trunk is a carrier or PBX that may call in.
type Trunk struct {
	Identity
	Name       string   `json:"name" doc:"For people"`
	Detail     string   `json:"detail" doc:"For people"`
	DomainName string   `json:"domain_name" doc:"SIP domain of its requests"`
	AuthTypes  []string `json:"auth_types" doc:"ip, basic (digest), or both"`
	Username   string   `json:"username" doc:"For basic"`
	Password   string   `json:"password,omitempty" doc:"For basic; accepted, never shown"`
	AllowedIPs []string `json:"allowed_ips" doc:"Addresses or CIDR blocks, for ip"`
}

// Provider is a carrier that calls go out to.
type Provider struct {
	Identity
	Type           string            `json:"type" doc:"sip"`
	Name           string            `json:"name" doc:"For people"`
	Detail         string            `json:"detail" doc:"For people"`
	Hostname       string            `json:"hostname" doc:"host:port, optionally with ;transport=udp, tcp or tls"`
	Username       string            `json:"username" doc:"For digest"`
	Password       string            `json:"password,omitempty" doc:"For digest; accepted, never shown"`
	Register       bool              `json:"register" doc:"Register to the carrier"`
	TechPrefix     string            `json:"tech_prefix" doc:"Put before the number"`
	TechPostfix    string            `json:"tech_postfix" doc:"Put behind the number"`
	TechHeaders    map[string]string `json:"tech_headers" doc:"Further SIP headers of INVITEs"`
	Codecs         []string          `json:"codecs,omitempty" doc:"Codecs to offer, in order; empty: the configured ones"`
	HealthStatus   string            `json:"health_status" doc:"unknown, healthy or unhealthy, from OPTIONS"`
	RegisterStatus string            `json:"register_status,omitempty" doc:"unregistered, registering, registered or failed"`
}

// Route picks the provider of an outgoing call.
type Route struct {
	Identity
	Name       string `json:"name" doc:"For people"`
	Detail     string `json:"detail" doc:"For people"`
	ProviderID string `json:"provider_id" doc:"Where the call goes"`
	Priority   int    `json:"priority" doc:"Lower comes first among equal prefixes"`
	Target     string `json:"target" doc:"Prefix of the number, or all"`
}
