internal import ArgumentParser
internal import CeleryProtocol
internal import CeleryTransport

/// How the tasks of a group have ended, a line for each.
enum GroupLines {
    /// Prints the result of each as JSON, in order; of one that has failed what is stored for it, which standard error
    /// says in words.
    ///
    /// - Throws: `ExitCode` 1 when a task did not succeed.
    static func print(_ results: [TaskResult]) throws {
        var text = ""
        for result in results { text += String(decoding: result.result.serialized(), as: UTF8.self) + "\n" }
        LogOutput.standardOutput.write(text)
        let failures = results.enumerated().compactMap { index, result in result.failure.map { (index, result, $0) } }
        for (index, result, failure) in failures.prefix(longestList) {
            CommandErrors.note("line \(index + 1): task \(result.id) has failed: \(LogText("\(failure)"))")
        }
        if failures.isEmpty { return }
        if failures.count > longestList { CommandErrors.note("… and \(failures.count - longestList) more have failed") }
        throw ExitCode.failure
    }

    private static let longestList = 20
}
