/// What the log is going to say of a message that is being seen to.
enum Reporting: Sendable {
    /// Something only if something goes wrong yet.
    case ifNeeded(TaskLabel)
    /// A line when everything is done.
    case begun(MessageReport)
    /// Nothing: it is one of a flood of refusals, which are counted.
    case counted

    /// Everything is done.
    func end() {
        if case .begun(let report) = self { report.end() }
    }
}
