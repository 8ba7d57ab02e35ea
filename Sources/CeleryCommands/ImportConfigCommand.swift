public import ArgumentParser

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// `import-config`: prints the settings of a Python app, as `--config` reads them.
public struct ImportConfigCommand: AsyncParsableCommand {
    /// The command's name and help.
    public static let configuration = CommandConfiguration(
        commandName: "import-config",
        abstract: "Print the settings of a Python app as JSON, for --config.",
        discussion:
            "Runs the app once, by the Python whose environment has it and Celery. What cannot be written down, such as a router that is a function, is named on standard error, and so are addresses, which may hold passwords: name them in CELERY_BROKER_URL and CELERY_RESULT_BACKEND, or ask for them with --addresses."
    )

    @Argument(help: "The app, as for celery -A: a module, or module:attribute.")
    var app: String

    @Option(help: "The Python to run.")
    var python = "python3"

    @Flag(help: "Print the addresses of the broker and of the result backend too, with their passwords.")
    var addresses = false

    /// For the argument parser.
    public init() {}

    /// Becomes Python, which prints the settings.
    public func run() async throws {
        let arguments = [python, "-c", SettingsScript.text, app] + (addresses ? ["--addresses"] : [])
        var pointers = arguments.map { strdup($0) }
        defer { for pointer in pointers { free(pointer) } }
        pointers.append(nil)
        execvp(python, pointers)
        throw ValidationError("\(python) cannot be run: \(String(cString: strerror(errno)))")
    }
}
