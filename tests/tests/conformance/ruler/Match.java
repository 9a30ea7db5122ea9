import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import software.amazon.event.ruler.Machine;

/** Reads "R" and a rule, or "E" and an event, in each line, and answers each with one line. */
public class Match {
    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        Machine machine = null;
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String json = line.substring(1);
            try {
                if (line.charAt(0) == 'R') {
                    machine = new Machine();
                    machine.addRule("rule", json);
                    out.println("taken");
                } else {
                    out.println(machine.rulesForJSONEvent(json).isEmpty() ? "no" : "yes");
                }
            } catch (Exception | Error e) {
                out.println("refused " + String.valueOf(e.getMessage()).replaceAll("\\s+", " "));
            }
        }
    }
}
