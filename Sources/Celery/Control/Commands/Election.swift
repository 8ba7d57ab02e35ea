extension ControlCommand {
    /// `election`: Celery's workers choose one of them to run a task. This worker takes no part.
    static let election = ControlCommand("election") { _, arguments in
        _ = try arguments.required("id")
        _ = try arguments.required("topic")
        return .null
    }
}
