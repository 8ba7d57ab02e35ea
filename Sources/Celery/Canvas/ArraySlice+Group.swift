extension ArraySlice {
    /// The messages of one group that stand first, if they are so many that they are sent together and in no particular
    /// order; `nil` where they are few, which are sent one after the other.
    ///
    /// - Parameter key: what messages that are sent together have in common; `nil` for what is sent by itself.
    func leadingGroup<Key: Equatable>(by key: (Element) -> Key?) -> ArraySlice? {
        guard let common = first.flatMap(key) else { return nil }
        let group = prefix { key($0) == common }
        return group.count >= 32 ? group : nil
    }
}
