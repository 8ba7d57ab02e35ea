internal import ArgumentParser

/// A question that must be answered with yes.
enum Confirmation {
    /// Asks, and ends the command with Celery's words and status unless the answer is yes. Who has no more input says no.
    static func demand(_ question: String) throws {
        while true {
            LogOutput.standardError.write("\(question) [y/N]: ")
            switch readLine()?.trimmingSpace().lowercased() {
            case "y", "yes": return
            case "n", "no", "": break
            case nil: LogOutput.standardError.write("\n")
            default:
                LogOutput.standardError.write("Error: invalid input\n")
                continue
            }
            LogOutput.standardError.write("Aborted!\n")
            throw ExitCode.failure
        }
    }
}
