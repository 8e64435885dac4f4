/// Keeps elements by the time they are due, the earliest on top; equal times in no order.
struct DueHeap<Element: Sendable>: Sendable {
    private var nodes: [(due: Int64, element: Element)] = []

    var count: Int { nodes.count }
    var isEmpty: Bool { nodes.isEmpty }
    /// The time of the earliest element.
    var earliest: Int64? { nodes.first?.due }

    mutating func insert(_ element: Element, due: Int64) {
        nodes.append((due, element))
        var child = nodes.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard nodes[child].due < nodes[parent].due else { return }
            nodes.swapAt(child, parent)
            child = parent
        }
    }

    /// Takes the earliest element out, if it is due by `now`.
    mutating func popDue(by now: Int64) -> Element? {
        guard let first = nodes.first, first.due <= now else { return nil }
        nodes.swapAt(0, nodes.count - 1)
        nodes.removeLast()
        sink()
        return first.element
    }

    mutating func removeAll() { nodes = [] }

    private mutating func sink() {
        var parent = 0
        while true {
            var smallest = parent
            for child in (2 * parent + 1)...(2 * parent + 2)
            where child < nodes.count && nodes[child].due < nodes[smallest].due {
                smallest = child
            }
            guard smallest != parent else { return }
            nodes.swapAt(parent, smallest)
            parent = smallest
        }
    }
}
