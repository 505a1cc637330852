package main

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// register adds what the server counts to the metrics.
func (s *Server) register(r *prometheus.Registry) error {
	gauge := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "offhook", Name: name, Help: help}, f)
	}
	counter := func(name, help string, f func() float64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "offhook", Name: name, Help: help}, f)
	}
	for _, c := range []prometheus.Collector{
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		s.turns,
		gauge("calls", "Live calls.", func() float64 { return float64(s.exchange.Live()) }),
		counter("calls_started_total", "Calls since the start.", func() float64 { return float64(s.exchange.Started()) }),
		gauge("activeflows", "Flows that run.", func() float64 { return float64(s.runner.Running()) }),
		gauge("media_ports", "Open media ports.", func() float64 { return float64(s.media.Ports()) }),
		gauge("sip_dialogs", "SIP dialogs.", func() float64 { return float64(s.exchange.Dialogs()) }),
		gauge("sip_ignored_sources", "Addresses that are ignored because they scan or guess.", func() float64 { return float64(s.exchange.Guarded().Ignored) }),
		gauge("sip_slowed_sources", "Addresses whose refusals are held back because they guess.", func() float64 { return float64(s.exchange.Guarded().Slowed) }),
		counter("sip_dropped_total", "Messages of ignored addresses that were not read.", func() float64 { return float64(s.exchange.Guarded().Dropped) }),
		counter("sip_wrong_passwords_total", "Credentials that were wrong, of users that exist or not.", func() float64 { return float64(s.exchange.Guarded().Faults["bad_digest"]) }),
		counter("sip_unanswered_challenges_total", "Requests whose senders were asked for a password and never answered, as scanners do.", func() float64 { return float64(s.exchange.Guarded().Faults["refused"]) }),
		counter("sip_scans_total", "Requests of tools that say that they scan.", func() float64 { return float64(s.exchange.Guarded().Faults["scanner"]) }),
		gauge("websocket_subscribers", "WebSocket connections.", func() float64 { return float64(s.hub.Counters().Subscribers) }),
		gauge("conferences_open", "Conferences that somebody is in.", func() float64 { return float64(s.rooms.Open()) }),
		gauge("queue_waiting", "Callers that wait in queues.", func() float64 { return float64(s.queues.Counters().Waiting) }),
		gauge("queue_serving", "Callers of queues that talk with agents.", func() float64 { return float64(s.queues.Counters().Serving) }),
		counter("queue_joined_total", "Callers that joined a queue.", func() float64 { return float64(s.queues.Counters().Joined) }),
		counter("queue_serviced_total", "Callers that an agent took.", func() float64 { return float64(s.queues.Counters().Serviced) }),
		counter("queue_abandoned_total", "Callers that left a queue without an agent.", func() float64 { return float64(s.queues.Counters().Abandoned) }),
		counter("webhooks_delivered_total", "Webhooks delivered.", func() float64 { return float64(s.webhooks.Counters().Delivered) }),
		counter("webhooks_failed_total", "Attempts to deliver a webhook that failed.", func() float64 { return float64(s.webhooks.Counters().Failed) }),
	} {
		if err := r.Register(c); err != nil {
			return err
		}
	}
	return nil
}
