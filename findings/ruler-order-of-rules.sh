#!/usr/bin/env bash
# The order of two rules of one field decides whether an event matches.
#
# Software: software.amazon.event.ruler:event-ruler 2.0.1 (Maven Central), with any JDK from 11 on.
# Expected before the run, and by its documentation: no match in either order: "yz" ends with z, which the first rule excludes, and is not z.
# Seen: a match when equals-ignore-case comes after anything-but with a wildcard.
#
# Needs java (a JDK) and mvn. Fails when the behaviour is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >pom.xml <<'POM'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>finding</groupId><artifactId>finding</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies><dependency>
    <groupId>software.amazon.event.ruler</groupId><artifactId>event-ruler</artifactId><version>2.0.1</version>
  </dependency></dependencies>
</project>
POM
cat >Run.java <<'JAVA'
import software.amazon.event.ruler.Ruler;

public class Run {
    public static void main(String[] args) throws Exception {
        String[][] cases = {
            {"{\"a\":[{\"equals-ignore-case\":\"z\"},{\"anything-but\":{\"wildcard\":\"*z\"}}]}", "{\"a\":\"yz\"}"},
            {"{\"a\":[{\"anything-but\":{\"wildcard\":\"*z\"}},{\"equals-ignore-case\":\"z\"}]}", "{\"a\":\"yz\"}"}
        };
        for (String[] one : cases) {
            System.out.println(one[0] + " on " + one[1] + ": " + Ruler.matchesRule(one[1], one[0]));
        }
    }
}
JAVA
mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath -Dmdep.outputFile=class-path >/dev/null
seen=$(java -Dfile.encoding=UTF-8 -Dstdout.encoding=UTF-8 -cp "$(cat class-path)" Run.java)
echo "event-ruler 2.0.1, $(java -version 2>&1 | head -1)"
echo "$seen"
diff <(echo "$seen") - <<'SEEN'
{"a":[{"equals-ignore-case":"z"},{"anything-but":{"wildcard":"*z"}}]} on {"a":"yz"}: false
{"a":[{"anything-but":{"wildcard":"*z"}},{"equals-ignore-case":"z"}]} on {"a":"yz"}: true
SEEN
