"""Writes what a program found as JUnit's XML, which `interop/test` reads."""
import xml.etree.ElementTree as xml


class Report:
    """Cases with their outcomes. `write` makes a file of them; without a path it does nothing."""

    def __init__(self, suite, path=None):
        self.path = path
        self.suite = xml.Element("testsuite", name=suite)
        self.failures = 0

    def case(self, name, problem=None, seconds=0.0, is_shown=True):
        """Notes a case, and what is wrong with it if anything is. Prints one line, if it is to be shown."""
        case = xml.SubElement(self.suite, "testcase", classname=self.suite.get("name"), name=name, time=f"{seconds:.3f}")
        if problem:
            self.failures += 1
            xml.SubElement(case, "failure", message=problem)
        if is_shown:
            print(f"{'FAILED' if problem else 'ok':<8} {name}{'  ' + problem if problem else ''}", flush=True)

    def take(self, path):
        """Takes over the cases of a file that another process has written. Says whether there were any."""
        try:
            cases = list(xml.parse(path).getroot().iter("testcase"))
        except (OSError, xml.ParseError):
            return False
        self.suite.extend(cases)
        self.failures += sum(case.find("failure") is not None for case in cases)
        return bool(cases)

    def write(self):
        """Writes the file. Returns the exit status that says the same."""
        if self.path:
            self.suite.set("tests", str(len(self.suite)))
            self.suite.set("failures", str(self.failures))
            root = xml.Element("testsuites")
            root.append(self.suite)
            xml.ElementTree(root).write(self.path, encoding="utf-8", xml_declaration=True)
        return 1 if self.failures else 0
