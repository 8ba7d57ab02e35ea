import CeleryCommands

@testable import struct CeleryCommands.WorkerSubcommand

/// A worker that does nothing.
struct NoTasks: CeleryWorkerCommand {
    static let version = "7.1"
    var handlers: [TaskHandler] { [] }
}

/// A worker's command line.
typealias WorkerArguments = WorkerSubcommand<NoTasks>
