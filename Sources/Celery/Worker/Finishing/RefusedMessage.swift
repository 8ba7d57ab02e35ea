internal import CeleryProtocol

/// Why a message was refused before there was a task to run.
enum RefusedMessage: Error {
    /// It cannot be run as a task, whatever handlers there are. The message says who is to be told, if it could be read so
    /// far.
    case unreadable(MessageError, Message?)
    /// This worker has no handler of that name.
    case notRegistered(UnregisteredTask)
}
