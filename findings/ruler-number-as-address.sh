#!/usr/bin/env bash
# A JSON number can pass a rule on networks.
#
# Software: software.amazon.event.ruler:event-ruler 2.0.1 (Maven Central), with any JDK from 11 on.
# Expected before the run, and by its documentation: no match: cidr asks for an address, and 205 is none.
# Seen: 205 passes 32.0.0.0/8, whose first byte is 20 in hexadecimal; 305 and the text "205" do not.
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
            {"{\"a\":[{\"cidr\":\"32.0.0.0/8\"}]}", "{\"a\":205}"},
            {"{\"a\":[{\"cidr\":\"32.0.0.0/8\"}]}", "{\"a\":305}"},
            {"{\"a\":[{\"cidr\":\"32.0.0.0/8\"}]}", "{\"a\":\"205\"}"}
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
{"a":[{"cidr":"32.0.0.0/8"}]} on {"a":205}: true
{"a":[{"cidr":"32.0.0.0/8"}]} on {"a":305}: false
{"a":[{"cidr":"32.0.0.0/8"}]} on {"a":"205"}: false
SEEN
