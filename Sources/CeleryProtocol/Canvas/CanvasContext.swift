/// What a sender supplies when a canvas is made into messages.
package struct CanvasContext: Sendable {
    /// The root of the workflow of the task that is running, its own id if it has none; `nil` for a client.
    package var rootID: String?
    /// The id of the task that is running; `nil` for a client.
    package var parentID: String?
    /// Where `rpc://` results go of the tasks that name no place of their own.
    package var replyTo: String?
    /// The running task's priority, when the tasks that it sends are to have it too (`task_inherit_parent_priority`).
    package var priority: Int?
    /// Whether what is linked to a chord's failure is linked to the tasks of its header too
    /// (`task_allow_error_cb_on_chord_header`).
    package var linksErrorsToHeaders: Bool
    /// Makes the ids of tasks and groups that have none.
    package var makeID: @Sendable () -> String

    /// A client's context, or that of a task.
    package init(
        rootID: String? = nil, parentID: String? = nil, replyTo: String? = nil, priority: Int? = nil,
        linksErrorsToHeaders: Bool = false, makeID: @escaping @Sendable () -> String = RandomID.make
    ) {
        self.rootID = rootID
        self.parentID = parentID
        self.replyTo = replyTo
        self.priority = priority
        self.linksErrorsToHeaders = linksErrorsToHeaders
        self.makeID = makeID
    }

    var rules: CanvasRules { CanvasRules(linksHeaders: linksErrorsToHeaders) }
}
