/// A message that a canvas sends.
package struct CanvasTask: Sendable, Hashable {
    /// The metadata, as far as it is no matter of sending: name, id, root, parent, group and index, retries, time limits,
    /// headers, stamps, where `rpc://` results go. Eta, expiry, origin and the texts for people are not filled in.
    package var request: TaskRequest
    /// The arguments, and what follows the task.
    package var payload: TaskPayload
    /// The remaining options, none of them null: when and where it is sent (`countdown`, `eta`, `expires`, `queue`,
    /// `exchange`, `routing_key`, `priority`, `serializer`, `compression`, ...), and those that Celery does not know.
    package var options: JSONObject
    /// The task by whose name the queue is looked up, where that is another one: a map is sent to where its task runs.
    package var routeName: String?
    /// The priority of the task that sends it, which counts where neither the options nor its route say one
    /// (`task_inherit_parent_priority`); `nil` where it is not to count.
    package var inheritedPriority: Int?

    /// Makes a message.
    package init(
        request: TaskRequest, payload: TaskPayload, options: JSONObject = [:], routeName: String? = nil
    ) {
        self.request = request
        self.payload = payload
        self.options = options
        self.routeName = routeName
    }
}
