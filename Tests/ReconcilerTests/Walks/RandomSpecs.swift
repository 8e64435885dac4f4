import Randomness
import Spec

/// A repository of specs that changes at random, always valid.
struct RandomSpecs {
    /// One spec: what it is called, what it is made from, and what it refers to.
    struct Part {
        var name: String
        /// Identifies the part, also after a rename.
        let mark: Int
        var version = 0
        var isProtected = false
        var renamedFrom: String?
        var references: [SpecKind: Int] = [:]
    }

    private(set) var parts: [SpecKind: [Part]] = [:]
    private var generator: SplitMix64
    private var lastMark = 0
    /// The specs that were added or renamed in this step, and the names before it.
    private var touched: Set<Int> = []
    private var former: [SpecKind: Set<String>] = [:]

    init(seed: UInt64) {
        generator = SplitMix64(seed: seed)
        for kind in SpecKind.allCases { add(kind) }
    }

    /// Changes a few things.
    mutating func step() {
        touched = []
        former = parts.mapValues { Set($0.map(\.name)) }
        for kind in SpecKind.allCases {
            // The rename was applied in the previous step, so it must not matter whether `renamedFrom` stays in the
            // file.
            for index in parts[kind, default: []].indices where chance(2) {
                parts[kind]?[index].renamedFrom = nil
            }
        }
        for _ in 0...Int.random(in: 0...5, using: &generator) {
            guard let kind = SpecKind.allCases.randomElement(using: &generator) else { continue }
            switch Int.random(in: 0...9, using: &generator) {
            case 0...2: add(kind)
            case 3, 4: remove(kind)
            case 5, 6: rename(kind)
            case 7: edit(kind) { $0.isProtected.toggle() }
            default: edit(kind) { $0.version += 1 }
            }
        }
        repair()
    }

    /// Number of specs.
    var count: Int { parts.values.reduce(0) { $0 + $1.count } }

    /// The marks of all parts by kind and name.
    var marks: [String: Int] {
        var marks: [String: Int] = [:]
        for (kind, list) in parts { for part in list { marks["\(kind.rawValue)/\(part.name)"] = part.mark } }
        return marks
    }

    var text: String {
        SpecKind.allCases.flatMap { kind in (parts[kind] ?? []).map { document(kind, $0) } }.joined(
            separator: "\n---\n"
        )
    }

    // MARK: Changes

    private mutating func chance(_ one: Int) -> Bool { Int.random(in: 1...one, using: &generator) == 1 }

    private mutating func freeName(_ kind: SpecKind, isNew: Bool = false) -> String? {
        let names = (1...12).map { "n\($0)" }.filter { name in
            !(isNew && former[kind]?.contains(name) == true)
                && !(parts[kind] ?? []).contains { $0.name == name || $0.renamedFrom == name }
        }
        return names.randomElement(using: &generator)
    }

    private mutating func add(_ kind: SpecKind) {
        guard ![.tenant, .account].contains(kind) || (parts[kind] ?? []).isEmpty else { return }
        guard let name = kind == .tenant ? "acme" : freeName(kind) else { return }
        lastMark += 1
        parts[kind, default: []].append(Part(name: name, mark: lastMark))
        touched.insert(lastMark)
        repair()
    }

    private mutating func remove(_ kind: SpecKind) {
        guard let index = untouched(kind) else { return }
        // One of each must remain, because campaigns refer to them.
        guard (parts[kind] ?? []).count > 1 || ![.sender, .template, .audience].contains(kind) else { return }
        parts[kind]?.remove(at: index)
    }

    private mutating func untouched(_ kind: SpecKind) -> Int? {
        let list = parts[kind] ?? []
        return list.indices.filter { !touched.contains(list[$0].mark) }.randomElement(using: &generator)
    }

    /// Gives a part another name, now and then that of another one, which is renamed too: a chain.
    ///
    /// A name that was released in the same step is not reused, because its row would be ambiguous.
    private mutating func rename(_ kind: SpecKind) {
        guard kind != .tenant, let index = untouched(kind) else { return }
        let isChain = chance(2)
        guard let name = freeName(kind, isNew: true) else { return }
        let taken = move(kind, index, to: name)
        guard isChain, let follower = untouched(kind) else { return }
        move(kind, follower, to: taken)
    }

    /// Returns the name that becomes free.
    @discardableResult
    private mutating func move(_ kind: SpecKind, _ index: Int, to name: String) -> String {
        guard var part = parts[kind]?[index] else { return name }
        let old = part.name
        (part.name, part.renamedFrom) = (name, old)
        touched.insert(part.mark)
        parts[kind]?[index] = part
        return old
    }

    private mutating func edit(_ kind: SpecKind, _ change: (inout Part) -> Void) {
        guard let index = parts[kind]?.indices.randomElement(using: &generator) else { return }
        parts[kind].map { list in
            var list = list
            change(&list[index])
            parts[kind] = list
        }
    }

    /// Makes all references valid, and removes specs that need a campaign which is gone.
    private mutating func repair() {
        for kind in SpecKind.allCases { forgetRenames(kind) }
        for index in (parts[.campaign] ?? []).indices {
            for kind in [SpecKind.sender, .template, .audience] {
                refer(.campaign, index, to: kind, in: parts[kind] ?? [])
            }
        }
        let scheduled = (parts[.campaign] ?? []).filter { $0.mark % 2 == 0 }
        let triggered = (parts[.campaign] ?? []).filter { $0.mark % 2 == 1 }
        if scheduled.isEmpty { parts[.schedule] = [] }
        for index in (parts[.schedule] ?? []).indices { refer(.schedule, index, to: .campaign, in: scheduled) }
        // A campaign has at most one trigger.
        var free = triggered
        var kept: [Part] = []
        for var part in parts[.trigger] ?? [] {
            guard let target = free.first(where: { $0.mark == part.references[.campaign] }) ?? free.first else { break }
            free.removeAll { $0.mark == target.mark }
            part.references[.campaign] = target.mark
            kept.append(part)
        }
        parts[.trigger] = kept
    }

    /// Removes `renamedFrom` if another spec keeps that name; this may end other chains too.
    private mutating func forgetRenames(_ kind: SpecKind) {
        var settled = Set((parts[kind] ?? []).filter { $0.renamedFrom == nil }.map(\.name))
        var isOver = false
        while !isOver {
            isOver = true
            for index in (parts[kind] ?? []).indices {
                guard let old = parts[kind]?[index].renamedFrom, settled.contains(old) else { continue }
                parts[kind]?[index].renamedFrom = nil
                settled.insert(parts[kind]?[index].name ?? "")
                isOver = false
            }
        }
    }

    private mutating func refer(_ kind: SpecKind, _ index: Int, to target: SpecKind, in candidates: [Part]) {
        let known = candidates.contains { $0.mark == parts[kind]?[index].references[target] }
        if !known || chance(8) {
            parts[kind]?[index].references[target] = candidates.randomElement(using: &generator)?.mark
        }
    }

    // MARK: Text

    private func name(_ part: Part, _ kind: SpecKind) -> String {
        parts[kind]?.first { $0.mark == part.references[kind] }?.name ?? "none"
    }

    private func document(_ kind: SpecKind, _ part: Part) -> String {
        var head = "kind: \(kind.rawValue)\nname: \(part.name)\nprotect: \(part.isProtected)\n"
        if let old = part.renamedFrom { head += "renamedFrom: \(old)\n" }
        return head + body(kind, part)
    }

    private func body(_ kind: SpecKind, _ part: Part) -> String {
        let version = part.version
        switch kind {
        case .tenant: return "timeZone: Europe/Paris\npolicy: { maxRecipients: \(1_000 + version) }"
        case .account: return "wabaId: \"\(part.mark)\"\naccessToken: env:A\(version)\ncurrency: KES"
        case .sender:
            return "phoneNumberId: \"\(part.mark)\"\naccessToken: env:T\(version)\nratePerSecond: \(1 + version)"
        case .template:
            return
                "whatsappName: t_\(part.mark)\nlanguage: en\ncategory: utility\nbody: \"Hi {{1}}, \(version) times.\"\nexamples: { \"1\": Ann }"
        case .audience:
            return "conditions: [{ field: messageCount, operator: gte, value: \(part.mark * 100 + version) }]"
        case .campaign:
            let type = part.mark % 2 == 0 ? "scheduled" : "event_triggered"
            return """
                title: T\(version)
                type: \(type)
                sender: \(name(part, .sender))
                template: \(name(part, .template))
                params: { "1": "{{name|you}}" }
                audience: \(name(part, .audience))
                """
        case .schedule:
            return "campaign: \(name(part, .campaign))\ncron: \"\(version % 60) 9 * * *\"\ntimeZone: Europe/Paris"
        case .trigger:
            return
                "campaign: \(name(part, .campaign))\nevent: payment.overdue\nmatch: { version: \(version) }\ncooldown: 1h"
        }
    }
}
