import Testing

@testable import CeleryRedis

@Suite struct RefusalKindTests {
    @Test(arguments: [
        ("WRONGTYPE Operation against a key holding the wrong kind of value", "WRONGTYPE"),
        ("OOM command not allowed when used memory > 'maxmemory'. script: 0a, on @user_script:3.", "OOM"),
        ("ERR Error running script (call to f_0a): @user_script:6: @user_script: 6: -MISCONF Redis is", "MISCONF"),
        ("ERR Error running script (call to f_0a): @user_script:1: WRONGTYPE Operation against", "WRONGTYPE"),
        ("@user_script: 6: -OOM command not allowed", "OOM"),
        ("ERR unknown command 'OOM '", "ERR"), ("", ""), ("nothing of that kind", "nothing"),
    ])
    func theKindIsFoundInWhatScriptsAdd(message: String, kind: String) {
        #expect(RefusalKind(message).name == kind)
    }
}
