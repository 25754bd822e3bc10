package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The headers of a webhook. See sign for the signature.
const (
	HeaderEvent     = "Banksman-Event"
	HeaderDelivery  = "Banksman-Delivery" // the ID: a receiver that has seen it ignores it
	HeaderTimestamp = "Banksman-Timestamp"
	HeaderSignature = "Banksman-Signature"
)

const (
	webhookTimeout = 15 * time.Second // of one try
	mostAnswer     = 64 << 10         // bytes of a body that nobody reads, so that the connection can be used again
)

// webhookClient follows no redirect: the signature is for the host that the
// configuration names.
func webhookClient(transport http.RoundTripper) *http.Client {
	if transport == nil {
		transport = &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: webhookTimeout}).DialContext,
			TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:   webhookTimeout,
			ResponseHeaderTimeout: webhookTimeout,
			IdleConnTimeout:       time.Minute,
			MaxIdleConnsPerHost:   1,
			ForceAttemptHTTP2:     true,
		}
	}
	return &http.Client{
		Transport:     transport,
		Timeout:       webhookTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func senderFor(t Target, client *http.Client, o Options) sender {
	if t.Webhook != nil {
		return func(ctx context.Context, m message) error { return post(ctx, *t.Webhook, client, o, m.Notification) }
	}
	return newChat(t).send
}

func post(ctx context.Context, w Webhook, client *http.Client, o Options, n Notification) error {
	req, err := request(ctx, w, o, n)
	if err != nil {
		return err
	}
	res, err := client.Do(req)
	if err != nil {
		return &tryError{problem: req.URL.Host + ": " + withoutURL(err)}
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.CopyN(io.Discard, res.Body, mostAnswer)
	return answered(req.URL.Host, res, o.Now())
}

// request is one try: its timestamp, and so its signature, is its own.
func request(ctx context.Context, w Webhook, o Options, n Notification) (*http.Request, error) {
	body, err := json.Marshal(n)
	if err != nil {
		return nil, &tryError{problem: "the notification cannot be written as JSON: " + err.Error(), isFinal: true}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(body))
	if err != nil {
		return nil, &tryError{problem: "its url is not an address", isFinal: true}
	}
	now := o.Now()
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", o.UserAgent)
	req.Header.Set(HeaderEvent, string(n.Event))
	req.Header.Set(HeaderDelivery, n.ID)
	req.Header.Set(HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	if w.SecretFile == "" {
		return req, nil
	}
	secrets, err := secretsIn(w.SecretFile)
	if err != nil {
		return nil, &tryError{problem: err.Error()}
	}
	req.Header.Set(HeaderSignature, sign(secrets, now, body))
	return req, nil
}

// withoutURL leaves out the address, which may hold a secret.
func withoutURL(err error) string {
	var about *url.Error
	if !errors.As(err, &about) {
		return err.Error()
	}
	if about.Timeout() {
		return fmt.Sprintf("no answer within %s", webhookTimeout)
	}
	return about.Err.Error()
}

// answered is nil for 2xx. What is worth another try is what the server says will
// pass, and what is its own fault.
func answered(host string, res *http.Response, now time.Time) error {
	code := res.StatusCode
	failure := &tryError{problem: fmt.Sprintf("%s answered %d %s", host, code, http.StatusText(code))}
	switch {
	case code >= 200 && code < 300:
		return nil
	case code >= 300 && code < 400:
		failure.problem += ": no redirect is followed with a signature; put the address that it leads to into the configuration"
		failure.isFinal = true
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code >= 500:
		failure.after = retryAfter(res.Header.Get("Retry-After"), now)
	default:
		failure.isFinal = true
	}
	return failure
}

// retryAfter reads seconds or a date (RFC 9110, 10.2.3). 0: it asks for nothing.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.Atoi(value); err == nil {
		return min(max(time.Duration(seconds), 0), oldest/time.Second+1) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

// isNear: the host is this machine, or a Service of the cluster.
func isNear(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback() ||
		strings.HasSuffix(host, ".svc") || strings.HasSuffix(host, ".svc.cluster.local")
}
