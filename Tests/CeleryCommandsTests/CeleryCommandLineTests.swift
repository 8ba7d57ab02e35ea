import ArgumentParser
import Testing

@testable import CeleryCommands

/// Command lines of Python's Celery.
@Suite struct CeleryCommandLineTests {
    @Test func whatChangesNothingIsAcceptedAndNamed() throws {
        let line = CeleryCommandLine(
            [
                "-A", "worker", "worker", "-linfo", "-Ofair", "-Qa,b", "-c4", "--without-gossip", "--without-mingle",
                "-Pprefork", "--max-tasks-per-child=100", "-I", "shop.tasks", "--pool-start-method", "-1",
                "--skip-checks",
            ].dropFirst(2).map { $0 }, hasSubcommands: true)
        #expect(line.refusal == nil)
        #expect(
            line.unused == [
                "--without-gossip", "-P prefork", "--max-tasks-per-child 100", "-I shop.tasks",
                "--pool-start-method -1", "--skip-checks",
            ])
        #expect(line.arguments == ["worker", "-linfo", "-Ofair", "-Qa,b", "-c4", "--without-mingle"])
        let arguments = try WorkerArguments.parse(Array(line.arguments.dropFirst()))
        #expect(
            arguments.console.loglevel == .info && arguments.tasks.concurrency == 4 && arguments.queues.queues == "a,b")
    }

    @Test(arguments: [
        (["--autoscale=10,3"], "--autoscale", "-c"),
        (["-B"], "-B", "celery beat"),
        (["--beat"], "-B", "celery beat"), (["-sx"], "-s", "celery beat"), (["--schedule", "x"], "-s", "celery beat"),
        (["--scheduler", "x:Y"], "--scheduler", "celery beat"), (["-D"], "-D", "systemd"),
        (["--detach"], "-D", "systemd"),
        (["--pidfile=/x"], "--pidfile", "systemd"), (["--uid", "1"], "--uid", "systemd"),
        (["--gid", "1"], "--gid", "systemd"), (["--umask", "0"], "--umask", "systemd"),
        (["-fx.log"], "-f", "redirect"), (["--logfile=%n.log"], "-f", "redirect"),
        (["--max-memory-per-child", "1"], "--max-memory-per-child", "no child processes"),
        (["--disable-prefetch"], "--disable-prefetch", "--prefetch-multiplier 1"), (["--purge"], "--purge", "purge"),
        (["-P", "solo"], "-P solo", "-c 1"), (["-A", "shop"], "-A", "import-config"),
        (["--app=shop.celery:app"], "-A", "import-config"), (["--loader", "x"], "--loader", "--config"),
        (["--workdir", "/x"], "--workdir", "directory"),
    ])
    func whatWouldNotHappenIsRefusedByNameWithTheReason(arguments: [String], name: String, reason: String) throws {
        for (prefix, hasSubcommands) in [(["worker"], true), (["worker"], false), ([], false)] {
            let line = CeleryCommandLine(prefix + arguments + ["-c", "3"], hasSubcommands: hasSubcommands)
            let refusal = try #require(line.refusal)
            #expect(refusal.hasPrefix("\(name) is an option for Python: ") && refusal.contains(reason), "\(refusal)")
            #expect(line.subcommand == (hasSubcommands ? "worker" : nil))
        }
    }

    @Test func ofOtherSubcommandsOnlyTheAppIsRefused() {
        let line = CeleryCommandLine(["-A", "shop", "call", "a.task"], hasSubcommands: true)
        #expect(line.refusal?.hasPrefix("-A ") == true && line.subcommand == "call")
        let arguments = ["call", "a.task", "-a", "[1]", "--time-limit", "3"]
        #expect(CeleryCommandLine(arguments, hasSubcommands: true).arguments == arguments)
    }

    /// All that `celery worker --help` and `celery --help` of Celery 5.7 list.
    @Test func noOptionOfCelerysWorkerIsUnknown() {
        let help = WorkerArguments.helpMessage(columns: 200)
        let known = Set(help.split { $0.isWhitespace || ",/".contains($0) }.map(String.init) + PythonOption.all.keys)
        let names = """
            -A --app -b --broker --result-backend --loader --config --workdir --skip-checks -n --hostname -D --detach
            -S --statedb -l --loglevel -O --optimization --prefetch-multiplier --disable-prefetch -c --concurrency
            -P --pool -E --task-events --events --time-limit --soft-time-limit --max-tasks-per-child
            --pool-start-method --max-memory-per-child --purge --discard -Q --queues -X --exclude-queues -I --include
            --without-gossip --without-mingle --without-heartbeat --heartbeat-interval --autoscale -B --beat
            -s --schedule-filename --schedule --scheduler -f --logfile --pidfile --uid --gid --umask --executable
            """
        #expect(names.split(whereSeparator: \.isWhitespace).filter { !known.contains(String($0)) } == [])
        // What the parser knows must reach it.
        let parsed = WorkerArguments.helpMessage(columns: 200).split(whereSeparator: \.isWhitespace).map(String.init)
        #expect(parsed.filter { $0.hasPrefix("-") && PythonOption.all[$0] != nil } == [])
    }

    // MARK: Options before the subcommand

    @Test(arguments: [
        (["-b", "redis://h", "worker", "-Q", "a"], ["worker", "-b", "redis://h", "-Q", "a"]),
        (["-bredis://h", "-q", "--no-color", "worker"], ["worker", "-bredis://h", "-q", "--no-color"]),
        (["--broker=redis://h", "call", "a"], ["call", "--broker=redis://h", "a"]),
        (["--config", "worker", "worker"], ["worker", "--config", "worker"]),
        (["worker", "-Q", "worker"], ["worker", "-Q", "worker"]), (["--help"], ["--help"]),
        (["--version"], ["--version"]), (["-b"], ["-b"]), (["-b", "redis://h"], ["-b", "redis://h"]), ([], []),
        (["--bogus", "worker"], ["--bogus", "worker"]),
        (["--generate-completion-script", "bash"], ["--generate-completion-script", "bash"]),
    ])
    func theyAreTheSubcommands(arguments: [String], arranged: [String]) {
        #expect(CeleryCommandLine(arguments, hasSubcommands: true).arguments == arranged)
    }

    @Test(arguments: [
        (["-b", "redis://h", "worker", "-Q", "a"], ["-b", "redis://h", "-Q", "a"]), (["worker"], []),
        (["-Q", "a"], ["-Q", "a"]), (["-n", "worker"], ["-n", "worker"]), (["other"], ["other"]), ([], []),
    ])
    func aProgramThatIsAWorkerNeedsNoSubcommand(arguments: [String], arranged: [String]) {
        #expect(CeleryCommandLine(arguments, hasSubcommands: false).arguments == arranged)
    }
}
