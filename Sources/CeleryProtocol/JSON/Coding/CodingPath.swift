/// Where a value stands in what is being encoded or decoded; made only where it is needed.
indirect enum CodingPath {
    case root
    case child(any CodingKey, of: CodingPath)

    /// The keys from the outermost on.
    var keys: [any CodingKey] {
        var keys: [any CodingKey] = []
        var path = self
        while case .child(let key, let parent) = path {
            keys.append(key)
            path = parent
        }
        return keys.reversed()
    }
}
