/// A task that may run here, and the message that this worker holds for it.
struct ReservedTask: Sendable {
    let task: ReceivedTask
    let message: HeldMessage
}
