import Testing

@testable import CeleryCommands

@Test func aTableIsAsWideAsItsCells() {
    var table = TextTable([("QUEUE", false), ("WAITING", true), ("NOTE", false)])
    table.add(["celery", "3", ""])
    table.add(["ü", "12345678", "x"])
    #expect(table.lines == ["QUEUE    WAITING  NOTE", "celery         3", "ü       12345678  x"])
}
