internal import ArgumentParser

/// A list of queues' names on a command line, separated by commas.
struct QueueNames: ExpressibleByArgument {
    let names: [String]

    init?(argument: String) {
        var names: [String] = []
        for part in argument.split(separator: ",") {
            let name = part.trimmingSpace()
            if NameArgument.problem(name) != nil { return nil }
            if !names.contains(name) { names.append(name) }
        }
        if names.isEmpty { return nil }
        self.names = names
    }
}
