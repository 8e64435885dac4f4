internal import Foundation
internal import YAML

/// Reads files one by one and puts the catalog together.
struct CatalogLoader {
    private var specs: [SpecIdentity: Located<any SpecContent>] = [:]
    /// Specs with errors: their references are checked all the same, so that all mistakes come in one run.
    private var drafts: [Located<any SpecContent>] = []
    /// Every identity that a document claims, also where the document has errors.
    private var places: [SpecIdentity: SourcePlace] = [:]
    private var diagnostics: [Diagnostic] = []
    private var files: [String: (bytes: [UInt8], secrets: [YAMLRange])] = [:]
    private var allowances: [AllowComment] = []
    private var reportedTenants: Set<String> = []
    private let reader = YAMLReader()
    private let now: Date

    init(now: Date) {
        self.now = now
    }

    mutating func add(_ file: SpecCatalog.SourceFile) {
        guard let tenant = tenant(of: file) else { return }
        let sink = DiagnosticSink(file: file.path)
        let stream = reader.read(file.bytes)
        for problem in stream.problems { sink.report(problem) }
        for document in stream.documents { add(document, tenant, sink) }
        allowances += AllowComment.read(stream.comments, sink: sink)
        // The bytes of every file are kept, since errors across files are only found at the end.
        files[file.path] = (file.bytes, sink.secrets)
        diagnostics += sink.diagnostics
    }

    func finish(with problems: [Diagnostic]) -> SpecCatalog {
        var found: [Diagnostic] = []
        let claimed = Set(places.keys)
        let filler = DefaultsFiller(index: SpecIndex(specs: specs, claimed: claimed))
        let filled = specs.mapValues { filler.fill($0, &found) }
        let filledDrafts = drafts.map { filler.fill($0, &found) }
        let sorted = filled.values.sorted { $0.identity < $1.identity }
        let index = SpecIndex(specs: filled, claimed: claimed)
        let resolved = check(sorted, drafts: filledDrafts, index, &found)
        let schedules = ScheduleChecker(index: index, now: now).resolve(&found)
        let all = AllowComment.apply(allowances, to: diagnostics + problems + found).sorted()
        let quoted = Set(all.flatMap { [$0.place.file] + ($0.related.map { [$0.place.file] } ?? []) })
        let sources = files.filter { quoted.contains($0.key) }
            .mapValues { SourceMask.mask($0.bytes, secrets: $0.secrets) }
        return SpecCatalog(
            specs: sorted,
            resolvedCampaigns: resolved,
            resolvedSchedules: schedules,
            resolvedTriggers: StartChecker(index: index).resolvedTriggers(),
            policyViolations: PolicyChecker(index: index, now: now).violations(),
            diagnostics: all,
            sources: sources
        )
    }

    /// Checks everything that takes more than one document to see.
    private func check(
        _ sorted: [Located<any SpecContent>],
        drafts: [Located<any SpecContent>],
        _ index: SpecIndex,
        _ found: inout [Diagnostic]
    ) -> [ResolvedCampaign] {
        let references = ReferenceChecker(index: index)
        let campaigns = references.resolve(sorted, &found)
        _ = references.resolve(drafts, &found)
        for specs in [sorted, drafts] {
            TenantChecker(index: index).check(specs, &found)
            StartChecker(index: index).check(specs, &found)
            MessageChecker(index: index).checkPlaceholders(specs, &found)
        }
        StartChecker(index: index).checkCampaigns(&found)
        MessageChecker(index: index).checkWindows(&found)
        return campaigns
    }

    private mutating func tenant(of file: SpecCatalog.SourceFile) -> String? {
        let place = SourcePlace(file: file.path)
        guard let tenant = file.tenant else {
            let help = "move it into a folder that is named after the tenant"
            diagnostics.append(
                Diagnostic(.misplacedFile, at: place, "spec file outside of a tenant folder", help: help)
            )
            return nil
        }
        guard SpecIdentity.isSlug(tenant) else {
            if reportedTenants.insert(tenant).inserted {
                let help = "use lower-case letters, digits and hyphens"
                let message = "folder `\(tenant)` is not a tenant name"
                diagnostics.append(Diagnostic(.misplacedFile, at: place, message, help: help))
            }
            return nil
        }
        return tenant
    }

    private mutating func add(_ document: YAMLNode, _ tenant: String, _ sink: DiagnosticSink) {
        if let scalar = document.scalar, case .null = scalar.value { return }
        guard let mapping = document.mapping else {
            return sink.reportWrongType(of: document, field: "", expected: "a mapping with `kind`")
        }
        guard let kind = kind(mapping, document, sink) else { return }
        guard let claimed = claim(kind, mapping, tenant, sink) else {
            // Still read it, so that its other mistakes come in the same run.
            _ = kind.content.read(document, sink: sink)
            return
        }
        let (spec, isDraft) = kind.content.read(document, sink: sink)
        guard let spec, let place = places[claimed] else { return }
        let located = Located(identity: claimed, value: spec, place: place, node: document)
        if isDraft { drafts.append(located) } else { specs[claimed] = located }
    }

    /// Notes the identity of a document; `nil` if it has none or another document has the same.
    private mutating func claim(
        _ kind: SpecKind,
        _ mapping: YAMLMapping,
        _ tenant: String,
        _ sink: DiagnosticSink
    ) -> SpecIdentity? {
        guard let node = mapping["name"], let scalar = node.scalar, SpecIdentity.isSlug(scalar.text) else { return nil }
        let identity = SpecIdentity(tenant: tenant, kind: kind, name: scalar.text)
        guard let first = places[identity] else {
            places[identity] = SourcePlace(file: sink.file, node.range)
            return identity
        }
        let message = "\(kind.rawValue) `\(identity.name)` is defined twice in tenant `\(tenant)`"
        let related = Diagnostic.Related(place: first, label: "first defined here")
        let help = "rename or remove one of the two"
        sink.report(.duplicateSpec, at: node.range, field: "name", message, help: help, related: related)
        return nil
    }

    private func kind(_ mapping: YAMLMapping, _ document: YAMLNode, _ sink: DiagnosticSink) -> SpecKind? {
        let known = SpecKind.allCases.map(\.rawValue)
        guard let node = mapping["kind"] else {
            guard !mapping.isDamaged else { return nil }
            let start = mapping.pairs.first?.keyRange ?? document.range
            let near = mapping.pairs.first { !SpellingSuggestion.candidates(for: $0.key, among: ["kind"]).isEmpty }
            if let near {
                let message = "unknown field `\(near.key)`"
                sink.report(.unknownField, at: near.keyRange, field: near.key, message, help: "did you mean `kind`?")
            } else {
                let help = "start the document with `kind: Campaign` or another kind"
                sink.report(.missingField, at: start, field: "kind", "missing field `kind`", help: help)
            }
            return nil
        }
        guard let read = sink.string(node, field: "kind") else { return nil }
        if let kind = SpecKind(rawValue: read.value) { return kind }
        let help = SpellingSuggestion.help(for: read.value, among: known, what: "the kinds are")
        sink.report(.unknownKind, at: read.range, field: "kind", "unknown kind `\(read.value)`", help: help)
        return nil
    }
}
