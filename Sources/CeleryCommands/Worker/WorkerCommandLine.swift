internal import ArgumentParser

/// A command that is a worker.
protocol WorkerCommandLine: AsyncParsableCommand {
    var arguments: WorkerArguments { get set }
}
