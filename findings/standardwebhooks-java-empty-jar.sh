#!/usr/bin/env bash
# The first release of the Standard Webhooks library for Java is a jar without a class.
#
# Software: com.standardwebhooks:standardwebhooks 1.0.0 and 1.1.0 (Maven).
# Expected, before the run: both have the class Webhook, which signs and verifies.
# Seen: 1.0.0 has nothing but its manifest and Maven's own files, so that code that imports com.standardwebhooks.Webhook does
# not compile with it; 1.1.0 has the class.
#
# Needs a JDK, mvn and python3. Fails when the behaviour is another one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
for version in 1.0.0 1.1.0; do
    mvn --batch-mode --quiet -Dstyle.color=never org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
        -Dartifact="com.standardwebhooks:standardwebhooks:$version" -DoutputDirectory="$folder" >&2
done
seen=$(python3 - <<'PY'
import zipfile
for version in ("1.0.0", "1.1.0"):
    names = zipfile.ZipFile(f"standardwebhooks-{version}.jar").namelist()
    classes = [name for name in names if name.endswith(".class")]
    print(version, "classes:", len(classes), "Webhook:", "com/standardwebhooks/Webhook.class" in classes)
PY
)
echo "$seen"
diff <(echo "$seen") - <<'SEEN'
1.0.0 classes: 0 Webhook: False
1.1.0 classes: 5 Webhook: True
SEEN
