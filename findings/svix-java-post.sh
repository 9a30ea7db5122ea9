#!/usr/bin/env bash
# Svix's SDK for Java cannot resend a message: it makes a POST without a body, which its own HTTP client refuses.
#
# Software: com.svix:svix 1.99.1 (Maven Central), with okhttp 4.12.0.
# Expected, by its document and before the run: a POST leaves, and without a server the connection is refused.
# Seen: IllegalArgumentException before anything is sent, of resend and of logout, which have no body. A call with a body leaves.
#
# Needs a JDK and Maven. Fails when the behaviour is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >pom.xml <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>finding</groupId>
  <artifactId>finding</artifactId>
  <version>1</version>
  <dependencies>
    <dependency><groupId>com.svix</groupId><artifactId>svix</artifactId><version>1.99.1</version></dependency>
  </dependencies>
</project>
POM
mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib >/dev/null
cat >Post.java <<'JAVA'
import com.svix.*;
import com.svix.models.*;

public class Post {
  interface Call { void run() throws Exception; }

  static void say(String name, Call call) {
    try {
      call.run();
      System.out.println(name + ": answered");
    } catch (Exception error) {
      System.out.println(name + ": " + error.getClass().getSimpleName());
    }
  }

  public static void main(String[] args) {
    SvixOptions options = new SvixOptions();
    // Nobody listens there.
    options.setServerUrl("http://127.0.0.1:1");
    Svix svix = new Svix("key", options);
    say("resend", () -> svix.getMessageAttempt().resend("app", "msg", "ep"));
    say("logout", () -> svix.getAuthentication().logout());
    say("create", () -> svix.getApplication().create(new ApplicationIn().name("a")));
    System.exit(0);
  }
}
JAVA
javac -nowarn -cp "lib/*" -d . Post.java
seen=$(java -cp "lib/*:." Post 2>/dev/null)
echo "com.svix:svix 1.99.1, $(ls lib | grep -E '^okhttp-')"
echo "$seen"
diff <(echo "$seen") - <<'SEEN'
resend: IllegalArgumentException
logout: IllegalArgumentException
create: ConnectException
SEEN
