/// Who sees what happens in a worker: users' middleware, and the events for monitors if somebody wants them.
struct Observers: Sendable {
    let middleware: [any CeleryMiddleware]
    let feed: EventFeed?

    /// Whether nobody looks.
    var isEmpty: Bool { middleware.isEmpty && feed?.isOn != true }

    /// Tells all of them.
    func observe(_ event: @autoclosure () -> WorkerEvent) {
        let isFed = feed?.isOn == true
        if middleware.isEmpty, !isFed { return }
        let event = event()
        for middleware in middleware { middleware.observe(event) }
        if isFed { feed?.add(event) }
    }
}
