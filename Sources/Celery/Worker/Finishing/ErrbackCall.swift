internal import CeleryProtocol

/// An errback of this worker that is to be told of a failure.
struct ErrbackCall: Sendable {
    let name: String
    let body: ErrbackHandler.Body
    /// That of the task that has failed.
    let context: TaskContext
    let failure: TaskFailure
    let args: [JSONValue]
    let kwargs: JSONObject

    /// Tells it.
    ///
    /// - Throws: what the errback throws.
    func callAsFunction() async throws { try await body(context, failure, args, kwargs) }
}
