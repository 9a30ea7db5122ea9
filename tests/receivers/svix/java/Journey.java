import com.sun.net.httpserver.HttpServer;
import com.svix.*;
import com.svix.api.*;
import com.svix.exceptions.*;
import com.svix.models.*;
import java.net.*;
import java.nio.charset.StandardCharsets;
import java.time.OffsetDateTime;
import java.util.*;
import java.util.concurrent.*;

/**
 * Every operation of Svix's SDK for Java against a server at the first argument, with the operator's key, the second; what
 * endpoints get is verified by the SDK's own Webhook. Prints `done` at its end.
 */
public class Journey {
  record Request(Map<String, String> headers, String body) {}

  static final Map<String, List<Request>> got = new ConcurrentHashMap<>();
  static final Map<String, Queue<Integer>> answers = new ConcurrentHashMap<>();

  interface Call {
    void run() throws Exception;
  }

  static void check(boolean holds, Object what) {
    if (!holds) throw new AssertionError(what);
  }

  static void refused(int status, Call call) throws Exception {
    try {
      call.run();
    } catch (ApiException error) {
      check(error.getCode() == status, error.getCode() + " " + error.getResponseBody());
      return;
    }
    throw new AssertionError("expected " + status);
  }

  static void cannot(Call call) throws Exception {
    try {
      call.run();
    } catch (IllegalArgumentException error) {
      check(error.getMessage().contains("must have a request body"), error);
    }
  }

  static void until(String what, Callable<Boolean> condition) throws Exception {
    for (int n = 0; n < 600; n++) {
      if (condition.call()) return;
      Thread.sleep(50);
    }
    throw new AssertionError("waited in vain until " + what);
  }

  static Svix client(String server, String key) {
    SvixOptions options = new SvixOptions();
    options.setServerUrl(server);
    return new Svix(key, options);
  }

  static List<Request> received(String path) {
    return got.getOrDefault(path, List.of());
  }

  public static void main(String[] args) {
    try {
      journey(args);
      System.out.println("done");
      System.exit(0);
    } catch (Throwable error) {
      error.printStackTrace();
      System.exit(1);
    }
  }

  static void journey(String[] args) throws Exception {
    HttpServer receiver = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
    receiver.createContext("/", exchange -> {
      String path = exchange.getRequestURI().getPath();
      String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
      Map<String, String> headers = new HashMap<>();
      exchange.getRequestHeaders().forEach((name, values) -> headers.put(name.toLowerCase(), values.get(0)));
      got.computeIfAbsent(path, any -> new CopyOnWriteArrayList<>()).add(new Request(headers, body));
      Integer status = answers.getOrDefault(path, new ArrayDeque<>()).poll();
      exchange.sendResponseHeaders(status == null ? 200 : status, 6);
      exchange.getResponseBody().write("thanks".getBytes());
      exchange.close();
    });
    receiver.setExecutor(Executors.newCachedThreadPool());
    receiver.start();
    String home = "http://127.0.0.1:" + receiver.getAddress().getPort();
    Svix svix = client(args[0], args[1]);
    OffsetDateTime since = OffsetDateTime.now().minusHours(1);

    String uid = "customer.java";
    ApplicationIn given = new ApplicationIn().name("Acme").uid(uid).metadata(Map.of("plan", "gold"));
    ApplicationCreateOptions once = new ApplicationCreateOptions();
    once.setIdempotencyKey("java-app-1");
    ApplicationOut app = svix.getApplication().create(given, once);
    check(app.getUid().equals(uid) && app.getMetadata().equals(Map.of("plan", "gold")), app);
    check(svix.getApplication().create(given, once).getId().equals(app.getId()), "the same");
    refused(409, () -> svix.getApplication().create(given));
    check(svix.getApplication().getOrCreate(given).getId().equals(app.getId()), "the same");
    check(svix.getApplication().get(app.getId()).getName().equals("Acme"), "its name");
    svix.getApplication().update(uid, new ApplicationIn().name("Acme 2").uid(uid));
    check(svix.getApplication().patch(uid, new ApplicationPatch().name("Acme 3")).getName().equals("Acme 3"), "its name");
    check(!svix.getApplication().list().getData().isEmpty(), "a list");
    refused(422, () -> svix.getApplication().create(new ApplicationIn().name("")));

    svix.getEventType().create(new EventTypeIn().name("java.paid").description("Paid"));
    svix.getEventType().update("java.other", new EventTypeUpdate().description("Other"));
    check(svix.getEventType().patch("java.other", new EventTypePatch().deprecated(true)).getDeprecated(), "deprecated");
    check(svix.getEventType().get("java.paid").getDescription().equals("Paid"), "its description");
    check(svix.getEventType().list().getData().size() == 2, "a list");
    svix.getEventType().delete("java.other");

    EndpointOut first = svix.getEndpoint().create(uid, new EndpointIn()
        .url(URI.create(home + "/first")).uid("first").filterTypes(Set.of("java.paid")).channels(Set.of("red"))
        .metadata(Map.of("team", "a")));
    check(first.getUid().equals("first") && first.getFilterTypes().equals(Set.of("java.paid")), first);
    svix.getEndpoint().update(uid, "second", new EndpointUpdate().url(URI.create(home + "/second")).uid("second"));
    check(svix.getEndpoint().patch(uid, "second", new EndpointPatch().description("2")).getDescription().equals("2"), "2");
    check(svix.getEndpoint().get(uid, "first").getId().equals(first.getId()), "its id");
    check(svix.getEndpoint().list(uid).getData().size() == 2, "a list");
    svix.getEndpoint().updateHeaders(uid, "first", new EndpointHeadersIn().headers(Map.of("x-a", "1")));
    svix.getEndpoint().patchHeaders(uid, "first", new EndpointHeadersPatchIn().headers(Map.of("x-b", "2")));
    check(svix.getEndpoint().getHeaders(uid, "first").getHeaders().size() == 2, "headers");

    MessageIn said = new MessageIn().eventType("java.paid").eventId("order-1").payload("{\"total\":1.5}")
        .channels(Set.of("red")).tags(Set.of("vip"));
    MessageOut message = svix.getMessage().create(uid, said);
    check(message.getEventId().equals("order-1"), message);
    refused(409, () -> svix.getMessage().create(uid, said));
    for (String name : List.of("first", "second")) {
      until(name + " has it", () -> !received("/" + name).isEmpty());
      Request request = received("/" + name).get(0);
      Map<String, List<String>> values = new HashMap<>();
      request.headers().forEach((header, value) -> values.put(header, List.of(value)));
      Webhook webhook = new Webhook(svix.getEndpoint().getSecret(uid, name).getKey());
      webhook.verify(request.body(), values);
      check(request.headers().get("svix-id").equals(message.getId()), "its id");
    }
    until("it is listed", () -> svix.getMessage().list(uid).getData().size() == 1);
    check(svix.getMessage().get(uid, "order-1").getId().equals(message.getId()), "its id");

    answers.put("/second", new ArrayDeque<>(List.of(500)));
    MessageOut failing = svix.getMessage().create(uid, new MessageIn().eventType("java.paid").payload("{}"));
    until("it is logged", () -> svix.getMessageAttempt().listByMsg(uid, failing.getId()).getData().size() == 1);
    MessageAttemptOut attempt = svix.getMessageAttempt().listByMsg(uid, failing.getId()).getData().get(0);
    check(attempt.getResponseStatusCode() == 500 && attempt.getResponse().equals("thanks"), attempt);
    check(svix.getMessageAttempt().get(uid, failing.getId(), attempt.getId()).getId().equals(attempt.getId()), "its id");
    check(svix.getMessageAttempt().listByEndpoint(uid, "second").getData().size() == 2, "attempts");
    check(svix.getMessageAttempt().listAttemptedMessages(uid, "second").getData().size() == 2, "messages");
    check(svix.getMessageAttempt().listAttemptedDestinations(uid, message.getId()).getData().size() == 2, "endpoints");
    // This SDK makes no POST without a body (findings/svix-java-post.sh), so it can neither resend nor log out.
    cannot(() -> svix.getMessageAttempt().resend(uid, failing.getId(), "second"));
    until("it was sent again", () -> received("/second").size() >= 3);

    svix.getEndpoint().rotateSecret(uid, "first", new EndpointSecretRotateIn());
    RecoverOut task = svix.getEndpoint().recover(uid, "second", new RecoverIn().since(since));
    until("it has ended", () -> svix.getBackgroundTask().get(task.getId()).getStatus() == BackgroundTaskStatus.FINISHED);
    svix.getEndpoint().replayMissing(uid, "second", new ReplayIn().since(since));
    svix.getEndpoint().bulkReplay(uid, "second", new BulkReplayIn().since(since).tag("vip"));
    check(svix.getEndpoint().getStats(uid, "second").getSuccess() >= 1, "stats");
    svix.getEndpoint().sendExample(uid, "first", new EventExampleIn().eventType("java.paid"));
    svix.getMessage().expungeContent(uid, message.getId());

    Svix customer = client(args[0], svix.getAuthentication().appPortalAccess(uid, new AppPortalAccessIn().readOnly(true)).getToken());
    check(customer.getEndpoint().list(uid).getData().size() == 2, "a list");
    refused(403, () -> customer.getEndpoint().delete(uid, "first"));
    cannot(() -> customer.getAuthentication().logout());
    svix.getAuthentication().expireAll(uid, new ApplicationTokenExpireIn());
    refused(401, () -> customer.getEndpoint().list(uid));
    svix.getEndpoint().delete(uid, "first");
    svix.getApplication().delete(uid);
  }
}
