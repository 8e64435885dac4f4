import CMalloc

/// How the process takes memory from the system.
enum Memory {
    /// Lets the heap grow by megabytes and keep what was freed, where it would ask the system for each next page.
    ///
    /// A plan makes many small values on all cores at once, soon lets go of most, and ends: with the default of 128 KiB
    /// its threads ask a thousand times, and wait for each other at that.
    static func growInLargeSteps() {
        // What is refused leaves the default, which is slower and no worse.
        _ = mallopt(M_TOP_PAD, 48 << 20)
        _ = mallopt(M_TRIM_THRESHOLD, 256 << 20)
    }
}
