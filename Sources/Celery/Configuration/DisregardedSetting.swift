/// A setting that was given and that nothing here obeys.
public struct DisregardedSetting: Sendable, Hashable {
    /// Its name.
    public var name: String
    /// Whether Celery knows the setting. One that it does not know may be misspelt, or another program's.
    public var isKnownToCelery: Bool
}
