#!/usr/bin/env bash
# Whether exists:false sees another element of an array depends on the names of fields.
#
# Software: software.amazon.event.ruler:event-ruler 2.0.1 (Maven Central), with any JDK from 11 on.
# Expected, by its documentation: the same answer for both, which differ only in that the names b and c are exchanged.
# Guessed before the run, from its source: what was then seen.
# Seen: a match when the absent field comes later in the alphabet, none when it comes earlier.
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
            {"{\"a\":{\"b\":[2],\"c\":[{\"exists\":false}]}}", "{\"a\":[{\"b\":2},{\"c\":3}]}"},
            {"{\"a\":{\"c\":[2],\"b\":[{\"exists\":false}]}}", "{\"a\":[{\"c\":2},{\"b\":3}]}"}
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
{"a":{"b":[2],"c":[{"exists":false}]}} on {"a":[{"b":2},{"c":3}]}: true
{"a":{"c":[2],"b":[{"exists":false}]}} on {"a":[{"c":2},{"b":3}]}: false
SEEN
