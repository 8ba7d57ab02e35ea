import Testing

@testable import CeleryRedis

@Suite struct RefusalKindTests {
    @Test(arguments: [
        ("WRONGTYPE Operation against a key holding the wrong kind of value", "WRONGTYPE"),
        ("OOM command not allowed when used memory > 'maxmemory'. script: 0a, on @user_script:3.", "OOM"),
        ("ERR Error running script (call to f_0a): @user_script:6: @user_script: 6: -MISCONF Redis is", "MISCONF"),
        ("ERR Error running script (call to f_0a): @user_script:1: WRONGTYPE Operation against", "WRONGTYPE"),
        ("@user_script: 6: -OOM command not allowed", "OOM"),
        ("ERR unknown command 'OOM '", "unknown command"), ("ERR no such key", "ERR"),
        ("@user_script: 1: Unknown Redis command called from Lua script", "unknown command"),
        (
            "ERR The user executing the script can't run this command or subcommand script: 0a, on @user_script:1.",
            "NOPERM"
        ),
        ("WRONGTYPE 'unknown command' is no list", "WRONGTYPE"), ("", ""), ("nothing of that kind", "nothing"),
    ])
    func theKindIsFoundInWhatScriptsAdd(message: String, kind: String) {
        #expect(RefusalKind(message).name == kind)
    }

    @Test(arguments: [
        ("ERR unknown command 'EVALSHA', with args beginning with: 'a'", true),
        ("ERR unknown subcommand 'LOAD'. Try SCRIPT HELP.", true),
        ("NOPERM this user has no permissions to run the 'rpop' command", true),
        ("NOPERM User u has no permissions to run the 'script|load' command", true),
        ("ERR The user executing the script can't run this command or subcommand", true),
        ("ERR The user executing the script can't access at least one of the keys mentioned in the arguments", false),
        ("NOPERM this user has no permissions to access one of the keys used as arguments", false),
        ("OOM command not allowed when used memory > 'maxmemory'.", false),
    ])
    func aRefusalOfACommandAsSuchIsToldFromOthers(message: String, isOfCommand: Bool) {
        #expect(RefusalKind.isOfCommand(message) == isOfCommand)
    }
}
