// Every operation of Svix's SDK for Go against a server at the first argument, with the operator's key, the second; what
// endpoints get is verified by the SDK's own Webhook. Prints `done` at its end.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"sync"
	"time"

	svix "github.com/svix/svix-webhooks/go"
	"github.com/svix/svix-webhooks/go/models"
)

type request struct {
	header http.Header
	body   []byte
}

var (
	lock    sync.Mutex
	got     = map[string][]request{}
	answers = map[string][]int{}
)

func receive(writer http.ResponseWriter, asked *http.Request) {
	body, _ := io.ReadAll(asked.Body)
	lock.Lock()
	defer lock.Unlock()
	got[asked.URL.Path] = append(got[asked.URL.Path], request{asked.Header, body})
	if left := answers[asked.URL.Path]; len(left) > 0 {
		answers[asked.URL.Path] = left[1:]
		writer.WriteHeader(left[0])
	}
	fmt.Fprint(writer, "thanks")
}

func received(path string) []request {
	lock.Lock()
	defer lock.Unlock()
	return got[path]
}

func check(holds bool, what ...any) {
	if !holds {
		panic(fmt.Sprint(what...))
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(describe(err))
	}
	return value
}

func done(err error) {
	if err != nil {
		panic(describe(err))
	}
}

func describe(err error) string {
	var refused *svix.Error
	if errors.As(err, &refused) {
		return fmt.Sprint(refused.Status(), " ", string(refused.Body()))
	}
	return err.Error()
}

func refused[T any](status int, _ T, err error) {
	var refusal *svix.Error
	check(errors.As(err, &refusal), "expected ", status)
	check(refusal.Status() == status, describe(err))
}

func until(what string, condition func() bool) {
	for n := 0; n < 600; n++ {
		if condition() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	panic("waited in vain until " + what)
}

func ptr[T any](value T) *T { return &value }

func main() {
	server := must(url.Parse(os.Args[1]))
	client := must(svix.New(os.Args[2], &svix.SvixOptions{ServerUrl: server}))
	receiver := httptest.NewServer(http.HandlerFunc(receive))
	home, ctx := receiver.URL, context.Background()
	since := time.Now().Add(-time.Hour)

	done(client.Health.Get(ctx))
	uid := "customer.go"
	given := models.ApplicationIn{Name: "Acme", Uid: &uid, Metadata: &map[string]string{"plan": "gold"}}
	once := &svix.ApplicationCreateOptions{IdempotencyKey: ptr("go-app-1")}
	app := must(client.Application.Create(ctx, given, once))
	check(*app.Uid == uid && app.Metadata["plan"] == "gold", app)
	check(must(client.Application.Create(ctx, given, once)).Id == app.Id)
	_, err := client.Application.Create(ctx, given, nil)
	refused(409, app, err)
	check(must(client.Application.GetOrCreate(ctx, given, nil)).Id == app.Id)
	check(must(client.Application.Get(ctx, app.Id)).Name == "Acme")
	check(must(client.Application.Update(ctx, uid, models.ApplicationIn{Name: "Acme 2", Uid: &uid})).Name == "Acme 2")
	check(must(client.Application.Patch(ctx, uid, models.ApplicationPatch{Name: ptr("Acme 3")})).Name == "Acme 3")
	check(len(must(client.Application.List(ctx, &svix.ApplicationListOptions{Limit: ptr(uint64(10))})).Data) >= 1)
	_, err = client.Application.Create(ctx, models.ApplicationIn{}, nil)
	refused(422, app, err)

	must(client.EventType.Create(ctx, models.EventTypeIn{Name: "go.paid", Description: "Paid"}, nil))
	check(must(client.EventType.Get(ctx, "go.paid")).Description == "Paid")
	must(client.EventType.Update(ctx, "go.other", models.EventTypeUpdate{Description: "Other"}))
	check(must(client.EventType.Patch(ctx, "go.other", models.EventTypePatch{Deprecated: ptr(true)})).Deprecated)
	check(len(must(client.EventType.List(ctx, nil)).Data) == 2)
	done(client.EventType.Delete(ctx, "go.other", &svix.EventTypeDeleteOptions{Expunge: ptr(true)}))

	endpoint := must(client.Endpoint.Create(ctx, uid, models.EndpointIn{
		Url: home + "/first", Uid: ptr("first"), FilterTypes: []string{"go.paid"}, Channels: []string{"red"},
		Metadata: &map[string]string{"team": "a"}, ThrottleRate: ptr(uint16(50)),
	}, nil))
	check(*endpoint.Uid == "first" && endpoint.FilterTypes[0] == "go.paid" && endpoint.Version == 1, endpoint)
	check(must(client.Endpoint.Get(ctx, uid, "first")).Id == endpoint.Id)
	must(client.Endpoint.Update(ctx, uid, "second", models.EndpointUpdate{Url: home + "/second", Uid: ptr("second")}))
	check(must(client.Endpoint.Patch(ctx, uid, "second", models.EndpointPatch{Description: ptr("2")})).Description == "2")
	check(len(must(client.Endpoint.List(ctx, uid, nil)).Data) == 2)
	done(client.Endpoint.UpdateHeaders(ctx, uid, "first", models.EndpointHeadersIn{Headers: map[string]string{"x-a": "1"}}))
	done(client.Endpoint.PatchHeaders(ctx, uid, "first", models.EndpointHeadersPatchIn{Headers: map[string]string{"x-b": "2"}}))
	check(len(must(client.Endpoint.GetHeaders(ctx, uid, "first")).Headers) == 2)

	said := models.MessageIn{
		EventType: "go.paid", EventId: ptr("order-1"), Payload: map[string]any{"total": 1.5}, Channels: []string{"red"},
		Tags: []string{"vip"},
	}
	message := must(client.Message.Create(ctx, uid, said, &svix.MessageCreateOptions{IdempotencyKey: ptr("go-msg-1")}))
	check(must(client.Message.Create(ctx, uid, said, &svix.MessageCreateOptions{IdempotencyKey: ptr("go-msg-1")})).Id == message.Id)
	_, err = client.Message.Create(ctx, uid, said, nil)
	refused(409, message, err)
	for _, name := range []string{"first", "second"} {
		until(name+" has it", func() bool { return len(received("/"+name)) > 0 })
		one := received("/" + name)[0]
		webhook := must(svix.NewWebhook(must(client.Endpoint.GetSecret(ctx, uid, name)).Key))
		done(webhook.Verify(one.body, one.header))
		check(webhook.Verify(append(one.body, ' '), one.header) != nil, "verified what was changed")
		check(one.header.Get("svix-id") == message.Id && one.header.Get("webhook-id") == message.Id)
	}
	until("it is listed", func() bool {
		return len(must(client.Message.List(ctx, uid, &svix.MessageListOptions{Tag: ptr("vip"), After: &since})).Data) == 1
	})
	check(must(client.Message.Get(ctx, uid, "order-1", nil)).Payload["total"] == 1.5)

	lock.Lock()
	answers["/second"] = []int{500}
	lock.Unlock()
	failing := must(client.Message.Create(ctx, uid, models.MessageIn{EventType: "go.paid", Payload: map[string]any{}}, nil))
	var attempts []models.MessageAttemptOut
	until("it is logged", func() bool {
		attempts = must(client.MessageAttempt.ListByMsg(ctx, uid, failing.Id, nil)).Data
		return len(attempts) > 0
	})
	check(attempts[0].ResponseStatusCode == 500 && attempts[0].Response == "thanks", attempts)
	check(must(client.MessageAttempt.Get(ctx, uid, failing.Id, attempts[0].Id, nil)).Id == attempts[0].Id)
	check(len(must(client.MessageAttempt.ListByEndpoint(ctx, uid, "second", nil)).Data) == 2)
	check(len(must(client.MessageAttempt.ListAttemptedMessages(ctx, uid, "second", nil)).Data) == 2)
	check(len(must(client.MessageAttempt.ListAttemptedDestinations(ctx, uid, message.Id, nil)).Data) == 2)
	must(client.MessageAttempt.Resend(ctx, uid, failing.Id, "second", nil))
	until("it was sent again", func() bool { return len(received("/second")) >= 3 })

	done(client.Endpoint.RotateSecret(ctx, uid, "first", models.EndpointSecretRotateIn{}, nil))
	task := must(client.Endpoint.Recover(ctx, uid, "second", models.RecoverIn{Since: since}, nil))
	until("it has ended", func() bool {
		return must(client.BackgroundTask.Get(ctx, task.Id)).Status == models.BACKGROUNDTASKSTATUS_FINISHED
	})
	must(client.Endpoint.ReplayMissing(ctx, uid, "second", models.ReplayIn{Since: since}, nil))
	must(client.Endpoint.BulkReplay(ctx, uid, "second", models.BulkReplayIn{Since: since, Tag: ptr("vip")}, nil))
	check(must(client.Endpoint.GetStats(ctx, uid, "second", nil)).Success >= 1)
	must(client.Endpoint.SendExample(ctx, uid, "first", models.EventExampleIn{EventType: "go.paid"}, nil))
	done(client.Message.ExpungeContent(ctx, uid, message.Id))

	portal := must(client.Authentication.AppPortalAccess(ctx, uid, models.AppPortalAccessIn{ReadOnly: ptr(true)}, nil))
	customer := must(svix.New(portal.Token, &svix.SvixOptions{ServerUrl: server}))
	check(len(must(customer.Endpoint.List(ctx, uid, nil)).Data) == 2)
	refused(403, 0, customer.Endpoint.Delete(ctx, uid, "first"))
	done(customer.Authentication.Logout(ctx, nil))
	_, err = customer.Endpoint.List(ctx, uid, nil)
	refused(401, 0, err)
	done(client.Endpoint.Delete(ctx, uid, "first"))
	done(client.Application.Delete(ctx, uid))
	fmt.Println("done")
}
