import Foundation
import YAML

/// Builds the catalog from the contents of the files.
struct CatalogLoader {
    private var specs: [Located<any SpecContent>] = []
    /// Specs with errors; their references are checked too, so that one run reports all mistakes.
    private var drafts: [Located<any SpecContent>] = []
    /// Every identity that a document claims, including documents with errors.
    private var claims: [SpecIdentity: SpecOrigin] = [:]
    private var diagnostics: [Diagnostic] = []
    private var files: [String: (bytes: [UInt8], secrets: [YAMLRange])] = [:]
    private var allowances: [AllowComment] = []
    private var reportedTenants: Set<String> = []
    /// The values of the environment by the file that takes them.
    private var substituted: [String: [ValueSubstitution.Substituted]] = [:]
    private var valueNames: Set<String> = []
    private let environment: EnvironmentValues?
    private let now: Date

    /// Makes a loader for about `files` files.
    init(now: Date, files: Int, environment: EnvironmentValues?) {
        (self.now, self.environment) = (now, environment)
        self.files.reserveCapacity(files)
        // Most files hold several specs.
        specs.reserveCapacity(4 * files)
        claims.reserveCapacity(4 * files)
    }

    /// Adds the next file in the order of paths; of two documents with the same name, the first one wins.
    mutating func add(_ reading: SpecFileReading) {
        let file = reading.file
        guard hasTenant(file) else { return }
        let sink = DiagnosticSink(file: file.path, after: reading.findings)
        for document in reading.documents { add(document, sink) }
        if !reading.substituted.isEmpty { substituted[file.path] = reading.substituted }
        valueNames.formUnion(reading.valueNames)
        allowances += reading.allowances
        // The bytes of every file are kept, because errors across files are only found at the end.
        files[file.path] = (file.bytes, sink.findings.secrets)
        diagnostics += sink.diagnostics
    }

    /// Checks everything that needs more than one document, and makes the catalog.
    func finish(with problems: [Diagnostic], rates: RateFiles?, media: MediaFiles) -> SpecCatalog {
        var found: [Diagnostic] = []
        var index = SpecIndex(specs, claimed: claims.keys)
        index.setDrafts(drafts)
        let defaults = TenantDefaults(index: index)
        let accounts = AccountChecker(index: index)
        let filledDrafts = drafts.map { media.fill(accounts.fill(defaults.fill($0, &found), &found), &found) }
        index.setDrafts(filledDrafts)
        index.update { media.fill(accounts.fill(defaults.fill($0, &found), &found), &found) }
        // Senders know their accounts by now.
        let portfolios = PortfolioGroups(index: index)
        index.update(portfolios.fill)
        let resolved = check(index, drafts: filledDrafts, &found)
        ScheduleChecker(index: index, now: now).check(&found)
        if let rates {
            found += rates.diagnostics
            TenantChecker(index: index).checkCosts(rates, &found)
        }
        if let environment { found += environment.diagnostics + environment.unused(but: valueNames) }
        let told = (diagnostics + problems + found).map(withValue)
        let all = AllowComment.apply(allowances, to: told).sortedOnce()
            .map { $0.checkingFix($0.fix.flatMap { files[$0.place.file]?.bytes }) }
        let quoted = Set(all.flatMap { [$0.place.file] + ($0.related.map { [$0.place.file] } ?? []) })
        var sources = files.filter { quoted.contains($0.key) }
            .mapValues { SourceMask.mask($0.bytes, secrets: $0.secrets) }
        if let rates { sources.merge(rates.sources.filter { quoted.contains($0.key) }) { own, _ in own } }
        if let environment, quoted.contains(environment.path), !environment.bytes.isEmpty {
            sources[environment.path] = environment.maskedSource
        }
        return SpecCatalog(
            environment: environment?.name,
            index: index,
            resolvedCampaigns: resolved,
            policyViolations: PolicyChecker(index: index, now: now).violations(),
            diagnostics: all,
            rates: rates?.book,
            media: media.found,
            sources: sources
        )
    }

    /// Names the value of the environment, if a finding is about one.
    private func withValue(_ finding: Diagnostic) -> Diagnostic {
        guard let environment, finding.related == nil, let values = substituted[finding.place.file] else {
            return finding
        }
        let start = finding.place.start.offset
        let value = values.first { ($0.range.start.offset..<max($0.range.end.offset, 1)).contains(start) }
        return value.map { value in
            let label = "`\(value.name)` of environment `\(environment.name)`"
            return finding.related(to: environment.place(of: value.value), label: label)
        } ?? finding
    }

    private func check(
        _ index: SpecIndex,
        drafts: [Located<any SpecContent>],
        _ found: inout [Diagnostic]
    ) -> [ResolvedCampaign] {
        let references = ReferenceChecker(index: index)
        let raw = TemplateMessageChecker(index: index)
        // Each spec is checked by itself, so batches are checked in parallel.
        let checked = [index.specs.stretches(), drafts.stretches()].joined().map { $0 }.parallelMap(by: 1) { specs in
            var found: [Diagnostic] = []
            let campaigns = references.resolve(specs, &found)
            TenantChecker(index: index).check(specs, &found)
            AccountChecker(index: index).check(specs, &found)
            AccountChecker(index: index).check(campaigns, &found)
            TemplateReviewer().check(specs, &found)
            TemplateLanguageChecker().check(specs, &found)
            raw.check(specs, &found)
            StartChecker(index: index).check(specs, &found)
            MessageChecker(index: index).checkPlaceholders(specs, &found)
            MessageChecker(index: index).checkParameters(specs, &found)
            MessageChecker(index: index).checkOffers(specs, now: now, &found)
            TemplateLanguages.check(specs, &found)
            return (campaigns: campaigns, found: found)
        }
        found += checked.flatMap(\.found)
        AccountChecker(index: index).checkIDs(&found)
        AccountChecker(index: index).checkTemplates(&found)
        StartChecker(index: index).checkCampaigns(&found)
        MessageChecker(index: index).checkWindows(&found)
        // Drafts are checked but not resolved.
        let valid = index.specs.stretches().count
        return checked.prefix(valid).flatMap(\.campaigns)
    }

    /// Returns whether a file is in the folder of a tenant, and reports it otherwise.
    private mutating func hasTenant(_ file: SpecCatalog.SourceFile) -> Bool {
        let place = SourcePlace(file: file.path)
        guard let tenant = file.tenant else {
            let help = "move it into a folder that is named after the tenant"
            diagnostics.append(
                Diagnostic(.misplacedFile, at: place, "spec file outside of a tenant folder", help: help)
            )
            return false
        }
        guard SpecIdentity.isSlug(tenant) else {
            if reportedTenants.insert(tenant).inserted {
                let help = "use lower-case letters, digits and hyphens"
                let message = "folder `\(tenant)` is not a tenant name"
                diagnostics.append(Diagnostic(.misplacedFile, at: place, message, help: help))
            }
            return false
        }
        return true
    }

    private mutating func add(_ document: SpecFileReading.Document, _ sink: DiagnosticSink) {
        let identity = document.origin.identity
        if let first = claims[identity] {
            let message =
                "\(identity.kind.rawValue) `\(identity.name)` is defined twice in tenant `\(identity.tenant)`"
            let related = Diagnostic.Related(place: first.place, label: "first defined here")
            let help = "rename or remove one of the two"
            let range = document.origin.nameRange
            sink.report(.duplicateSpec, at: range, field: "name", message, help: help, related: related)
            return
        }
        claims[identity] = document.origin
        guard let spec = document.spec else { return }
        if document.isDraft { drafts.append(spec) } else { specs.append(spec) }
    }
}
