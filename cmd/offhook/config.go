package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"offhook/media/codec"
)

// Config is everything that can be configured, by a YAML file and by the
// environment: the key sip.listen is OFFHOOK_SIP_LISTEN, lists are separated
// by commas. The doc tags make docs/configuration.md.
type Config struct {
	DataDir            string        `yaml:"data_dir" doc:"Database, recordings, speech cache and access key"`
	AccessKey          string        `yaml:"accesskey" secret:"true" doc:"Administrator's access key; empty: made at the first start, printed once and kept in data_dir with mode 0600"`
	HTTP               HTTPConfig    `yaml:"http"`
	SIP                SIPConfig     `yaml:"sip"`
	RTP                RTPConfig     `yaml:"rtp"`
	Codecs             []string      `yaml:"codecs" doc:"Codecs in order of preference: PCMU, PCMA, G722"`
	Store              StoreConfig   `yaml:"store"`
	Speech             SpeechConfig  `yaml:"speech"`
	LLM                LLMConfig     `yaml:"llm"`
	OutboundHTTP       OutboundHTTP  `yaml:"outbound_http"`
	RequireOwnedSource bool          `yaml:"require_owned_source" doc:"A tel source must be one of the customer's numbers"`
	MaxCalls           int           `yaml:"max_calls" doc:"Calls at the same time; above it new calls get 503; 0: no limit"`
	ShutdownTimeout    time.Duration `yaml:"shutdown_timeout" doc:"How long live calls may go on after SIGTERM"`
	Provision          []string      `yaml:"provision" doc:"Files of resources that are created or updated at start"`
	Music              MusicConfig   `yaml:"music"`
	Recording          Retention     `yaml:"recording"`
}

// HTTPConfig is where the API listens.
type HTTPConfig struct {
	Listen string `yaml:"listen" doc:"Address and port of the API"`
}

// SIPConfig is where calls come in.
type SIPConfig struct {
	Listen     []string  `yaml:"listen" doc:"Sockets: udp://, tcp://, tls://, ws:// or wss:// with address and port; tls:// and wss:// need sip.tls"`
	Domain     string    `yaml:"domain" doc:"Realm and host of From; empty: the address in use"`
	ExternalIP string    `yaml:"external_ip" doc:"Address in Contact and SDP; empty: the local address that routes to the peer"`
	TLS        TLSConfig `yaml:"tls"`
	// SessionExpires finds calls whose peer is gone while nothing is to be heard,
	// as on hold.
	SessionExpires time.Duration `yaml:"session_expires" doc:"Both ends make sure that a call is still there within this time (RFC 4028), where the peer knows how; at least 90s; 0: only when the peer asks"`
}

// TLSConfig is what signalling with TLS shows and trusts. Sound is not encrypted.
type TLSConfig struct {
	Cert string `yaml:"cert" doc:"PEM file of the certificate of tls:// and wss://, its chain behind it; read again when it changes. Sound is not encrypted"`
	Key  string `yaml:"key" doc:"PEM file of the certificate's private key"`
	CA   string `yaml:"ca" doc:"PEM file of authorities that carriers' certificates (;transport=tls) may come from beside the system's"`
}

// RTPConfig is the sound's sockets.
type RTPConfig struct {
	Ports   string        `yaml:"ports" doc:"Range of UDP ports; each call takes two"`
	Timeout time.Duration `yaml:"timeout" doc:"A call ends with media_lost after so long without a packet while it should flow"`
}

// StoreConfig is the database.
type StoreConfig struct {
	URL string `yaml:"url" secret:"true" doc:"postgres://...; empty: SQLite in data_dir"`
}

// SpeechConfig is the speech engines.
type SpeechConfig struct {
	TTS TTSConfig `yaml:"tts"`
	STT STTConfig `yaml:"stt"`
}

// TTSConfig is the engine that speaks.
type TTSConfig struct {
	Engine string `yaml:"engine" doc:"espeak: the espeak-ng program; openai: any server of POST {url}/audio/speech"`
	URL    string `yaml:"url" doc:"Base URL of the openai engine, such as http://127.0.0.1:8000/v1"`
	Model  string `yaml:"model" doc:"Model of the openai engine"`
	Voice  string `yaml:"voice" doc:"Voice when an action names none"`
	APIKey string `yaml:"api_key" secret:"true" doc:"Key of the openai engine"`
}

// STTConfig is the engine that listens.
type STTConfig struct {
	Engine string `yaml:"engine" doc:"vosk: vosk-server's WebSocket; openai: POST {url}/audio/transcriptions on utterances; empty: none"`
	URL    string `yaml:"url" doc:"URL of the engine"`
	Model  string `yaml:"model" doc:"Model of the openai engine"`
	APIKey string `yaml:"api_key" secret:"true" doc:"Key of the openai engine"`
}

// LLMConfig is the language model of assistants.
type LLMConfig struct {
	URL    string `yaml:"url" doc:"Any server of POST {url}/chat/completions with streaming and tools"`
	Model  string `yaml:"model" doc:"Model when an assistant names none"`
	APIKey string `yaml:"api_key" secret:"true" doc:"Key of that server"`

	Realtime RealtimeConfig `yaml:"realtime"`
}

// RealtimeConfig is a model that hears and speaks itself.
type RealtimeConfig struct {
	URL         string `yaml:"url" doc:"Any server of OpenAI's realtime WebSocket, such as wss://api.openai.com/v1/realtime. Assistants use it that name a model realtime.MODEL, and all on calls when llm.url is empty"`
	Model       string `yaml:"model" doc:"Model when an assistant names none"`
	APIKey      string `yaml:"api_key" secret:"true" doc:"Key of that server"`
	Voice       string `yaml:"voice" doc:"Voice when an assistant names none; empty: the server's"`
	Transcriber string `yaml:"transcriber" doc:"Model that writes down what callers say; empty: gpt-4o-mini-transcribe"`
}

// OutboundHTTP says where offhook may send HTTP requests.
type OutboundHTTP struct {
	AllowPrivate bool `yaml:"allow_private" doc:"Webhooks, tools, fetch and play may reach private addresses; false on a shared server. Link-local addresses are never reached"`
}

// MusicConfig is music on hold.
type MusicConfig struct {
	Dir string `yaml:"dir" doc:"Folder with a folder of WAV or MP3 files for each music class; empty: data_dir/music. The class default is built in unless it has files"`
}

// Retention bounds what recordings take.
type Retention struct {
	MaxAge  time.Duration `yaml:"max_age" doc:"Recordings older than this are deleted; 0: never"`
	MaxSize int64         `yaml:"max_size" doc:"Bytes of all recordings above which the oldest are deleted; 0: no limit"`
}

// DefaultConfig is what holds where nothing is configured.
func DefaultConfig() Config {
	return Config{
		DataDir:         "./data",
		HTTP:            HTTPConfig{Listen: "127.0.0.1:8080"},
		SIP:             SIPConfig{Listen: []string{"udp://0.0.0.0:5060", "tcp://0.0.0.0:5060"}, SessionExpires: 30 * time.Minute},
		RTP:             RTPConfig{Ports: "20000-29999", Timeout: time.Minute},
		Codecs:          []string{"PCMU", "PCMA", "G722"},
		Speech:          SpeechConfig{TTS: TTSConfig{Engine: "espeak"}},
		OutboundHTTP:    OutboundHTTP{AllowPrivate: true},
		ShutdownTimeout: 30 * time.Second,
	}
}

// LoadConfig reads the file (none when path is empty) and then the
// environment, given as os.Environ does. An unknown key is an error that names
// it and its line.
func LoadConfig(path string, environ []string) (Config, error) {
	cfg := DefaultConfig()
	if path != "" {
		f, err := os.Open(path)
		if err != nil {
			return cfg, fmt.Errorf("configuration: %w", err)
		}
		defer f.Close()
		dec := yaml.NewDecoder(f)
		dec.KnownFields(true)
		if err := dec.Decode(&cfg); err != nil && !errors.Is(err, io.EOF) { // an empty file configures nothing
			return cfg, fmt.Errorf("configuration %s: %w", path, err)
		}
	}
	if err := fromEnvironment(reflect.ValueOf(&cfg).Elem(), "OFFHOOK", environment(environ)); err != nil {
		return cfg, err
	}
	return cfg, cfg.check()
}

func environment(environ []string) map[string]string {
	vars := map[string]string{}
	for _, line := range environ {
		if name, value, ok := strings.Cut(line, "="); ok && strings.HasPrefix(name, "OFFHOOK_") {
			vars[name] = value
		}
	}
	return vars
}

// clientVariables are read by the client commands, not by the configuration.
var clientVariables = map[string]bool{"OFFHOOK_URL": true, "OFFHOOK_CONFIG": true}

// fromEnvironment sets every field whose variable is there and refuses
// variables that belong to no key.
func fromEnvironment(v reflect.Value, prefix string, vars map[string]string) error {
	known := map[string]bool{}
	if err := setFields(v, prefix, vars, known); err != nil {
		return err
	}
	for name := range vars {
		if !known[name] && !clientVariables[name] {
			return fmt.Errorf("configuration: environment variable %s belongs to no key of the configuration", name)
		}
	}
	return nil
}

func setFields(v reflect.Value, prefix string, vars map[string]string, known map[string]bool) error {
	for i := range v.NumField() {
		name := prefix + "_" + strings.ToUpper(v.Type().Field(i).Tag.Get("yaml"))
		field := v.Field(i)
		if field.Kind() == reflect.Struct {
			if err := setFields(field, name, vars, known); err != nil {
				return err
			}
			continue
		}
		known[name] = true
		if text, ok := vars[name]; ok {
			if err := setField(field, text); err != nil {
				return fmt.Errorf("configuration: %s=%q: %w", name, text, err)
			}
		}
	}
	return nil
}

func setField(field reflect.Value, text string) error {
	switch field.Interface().(type) {
	case string:
		field.SetString(text)
	case bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return errors.New("must be true or false")
		}
		field.SetBool(b)
	case int, int64:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return errors.New("must be a whole number")
		}
		field.SetInt(n)
	case time.Duration:
		d, err := time.ParseDuration(text)
		if err != nil {
			return errors.New("must be a duration such as 30s")
		}
		field.SetInt(int64(d))
	case []string:
		var list []string
		for part := range strings.SplitSeq(text, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		field.Set(reflect.ValueOf(list))
	}
	return nil
}

// check finds what can't work, before anything is started.
func (c *Config) check() error {
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("configuration: "+format, args...))
	}
	if _, _, err := c.RTP.span(); err != nil {
		fault("rtp.ports: %v", err)
	}
	if len(c.Codecs) == 0 {
		fault("codecs: at least one of PCMU, PCMA, G722 is needed")
	}
	for i, name := range c.Codecs {
		if _, ok := codec.Lookup(name); !ok {
			fault("codecs[%d]: %q is not built in; use PCMU, PCMA or G722", i, name)
		}
	}
	if e := c.SIP.SessionExpires; e != 0 && e < leastSession {
		fault("sip.session_expires: %v is too short; use at least %v, or 0", e, leastSession)
	}
	if err := c.SIP.TLS.check(c.SIP.Listen); err != nil {
		fault("%v", err)
	}
	for i, l := range c.SIP.Listen {
		if scheme, _, ok := strings.Cut(l, "://"); !ok || !strings.Contains(" udp tcp tls ws wss ", " "+scheme+" ") {
			fault("sip.listen[%d]: %q must begin with udp://, tcp://, tls://, ws:// or wss://", i, l)
		}
	}
	switch c.Speech.TTS.Engine {
	case "espeak", "openai", "":
	default:
		fault("speech.tts.engine: %q is unknown; use espeak or openai", c.Speech.TTS.Engine)
	}
	switch c.Speech.STT.Engine {
	case "vosk", "openai", "":
	default:
		fault("speech.stt.engine: %q is unknown; use vosk or openai", c.Speech.STT.Engine)
	}
	return errors.Join(faults...)
}

// leastSession is the shortest session interval, RFC 4028 section 4.
const leastSession = 90 * time.Second

// secured tells whether a listener's address is one of TLS.
func secured(listen string) bool {
	return strings.HasPrefix(listen, "tls://") || strings.HasPrefix(listen, "wss://")
}

// span reads "20000-29999".
func (r RTPConfig) span() (low, high int, err error) {
	a, b, ok := strings.Cut(r.Ports, "-")
	low, err1 := strconv.Atoi(strings.TrimSpace(a))
	high, err2 := strconv.Atoi(strings.TrimSpace(b))
	if !ok || err1 != nil || err2 != nil || low < 1024 || high > 65535 || high-low < 3 {
		return 0, 0, fmt.Errorf("%q must be a range such as 20000-29999", r.Ports)
	}
	return low, high, nil
}

// musicDir is where the music classes are.
func (c *Config) musicDir() string {
	if c.Music.Dir != "" {
		return c.Music.Dir
	}
	return filepath.Join(c.DataDir, "music")
}
