public import Foundation
import YAML

/// All specs of a repository: read, checked, each value with its place in the file.
///
/// ```swift
/// let catalog = SpecCatalog.load(directory: "campaigns")
/// if !catalog.isValid {
///     print(DiagnosticRenderer(sources: catalog.sources).text(catalog.diagnostics))
/// }
/// ```
public struct SpecCatalog: Sendable {
    /// A file that was read already.
    public struct SourceFile: Sendable {
        /// The path that diagnostics show.
        public let path: String
        /// The folder below the root, or `nil` for a file outside of all folders.
        public let tenant: String?
        public let bytes: [UInt8]

        /// Makes a file.
        public init(path: String, tenant: String?, bytes: [UInt8]) {
            (self.path, self.tenant, self.bytes) = (path, tenant, bytes)
        }
    }

    /// The environment whose values the specs have; `nil` if none was chosen.
    public let environment: String?
    let index: SpecIndex
    /// The campaigns whose references were all found, sorted by identity.
    public let resolvedCampaigns: [ResolvedCampaign]
    /// Specs beyond the policies of their tenants, sorted by identity; these are not errors.
    public let policyViolations: [PolicyViolation]
    /// Errors and warnings of all files, sorted by file, line and column.
    public let diagnostics: [Diagnostic]
    /// The prices beside the folder of the specs; `nil` without any.
    public let rates: RateBook?
    /// The files beside the specs that they name.
    public let media: Set<MediaFile>
    /// The text of each file with a diagnostic, by its path, with secrets masked.
    public let sources: [String: String]

    /// Reads all `.yaml` and `.yml` files in the tenant folders of a directory; blocks while it reads.
    ///
    /// - Parameters:
    ///   - directory: The folder that holds a folder for each tenant.
    ///   - environment: The environment whose values the specs take; its file is beside the folder.
    ///   - now: The time that schedules are compared with: a schedule can be over, or fire at a clock change.
    /// - Returns: Everything that could be read, with all mistakes.
    public static func load(directory: String, environment: String? = nil, now: Date = Date()) -> SpecCatalog {
        let environments = SpecEnvironments(beside: directory)
        return load(directory, environment.map(environments.values), environments.names, now)
    }

    /// Reads a folder with the values of each of its environments in turn, to find the mistakes of all.
    ///
    /// - Returns: The specs with the values of the first environment, and the findings of all; without environments, the
    ///   same as ``load(directory:environment:now:)``.
    public static func loadForAllEnvironments(directory: String, now: Date = Date()) -> SpecCatalog {
        let environments = SpecEnvironments(beside: directory)
        let names = environments.names
        let catalogs = names.map { load(directory, environments.values(of: $0), names, now) }
        guard let first = catalogs.first else { return load(directory: directory, now: now) }
        let found = catalogs.flatMap(\.diagnostics) + environments.problems
        return SpecCatalog(
            environment: first.environment,
            index: first.index,
            resolvedCampaigns: first.resolvedCampaigns,
            policyViolations: first.policyViolations,
            diagnostics: found.sortedOnce(),
            rates: first.rates,
            media: catalogs.reduce(into: []) { $0.formUnion($1.media) },
            sources: catalogs.reduce(into: [:]) { $0.merge($1.sources) { first, _ in first } }
        )
    }

    private static func load(
        _ directory: String,
        _ environment: EnvironmentValues?,
        _ known: [String],
        _ now: Date
    ) -> SpecCatalog {
        let choice = EnvironmentChoice(values: environment, known: known)
        let listing = SpecFiles.find(in: directory)
        // Small batches, because one file is much work and all cores should finish at nearly the same time.
        let readings = listing.files.parallelMap(by: 8) { file in
            SpecFiles.bytes(of: file.target).map {
                let source = SourceFile(path: file.path, tenant: file.tenant, bytes: $0)
                return SpecFileReading(source, environment: choice)
            }
        }
        var problems = listing.problems
        var read: [SpecFileReading] = []
        for (file, reading) in zip(listing.files, readings) {
            switch reading {
            case .success(let reading): read.append(reading)
            case .failure(let failure): problems.append(failure.diagnostic(of: file.path))
            }
        }
        let media = MediaFiles(root: directory)
        return catalog(of: read, problems, environment, now, rates: RateFiles(beside: directory), media: media)
    }

    /// Reads files that are in memory; `now` is the time that schedules are compared with.
    public static func load(files: [SourceFile], now: Date = Date()) -> SpecCatalog {
        let sorted = files.sorted { $0.path < $1.path }
        let readings = sorted.parallelMap(by: 8) { SpecFileReading($0, environment: .none) }
        return catalog(of: readings, [], nil, now, media: MediaFiles(root: nil))
    }

    private static func catalog(
        of readings: [SpecFileReading],
        _ problems: [Diagnostic],
        _ environment: EnvironmentValues?,
        _ now: Date,
        rates: RateFiles? = nil,
        media: MediaFiles
    ) -> SpecCatalog {
        var loader = CatalogLoader(now: now, files: readings.count, environment: environment)
        for reading in readings { loader.add(reading) }
        return loader.finish(with: problems, rates: rates, media: media)
    }

    /// The specs without errors of their own, sorted by identity.
    public var specs: [Located<any SpecContent>] { index.specs }

    /// True if there is no error; warnings are allowed.
    public var isValid: Bool {
        !diagnostics.contains { $0.severity == .error }
    }

    /// The tenants that have specs, sorted.
    public var tenants: [String] {
        Set(specs.map(\.identity.tenant)).sorted()
    }

    /// The schedules whose campaign was found, sorted by identity.
    public var resolvedSchedules: [ResolvedSchedule] {
        all(ScheduleSpec.self).compactMap { schedule in
            campaign(schedule.value.campaign, of: schedule.identity.tenant).map {
                ResolvedSchedule(identity: schedule.identity, place: schedule.place, spec: schedule.value, campaign: $0)
            }
        }
    }

    /// The triggers whose campaign was found, sorted by identity.
    public var resolvedTriggers: [ResolvedTrigger] {
        all(TriggerSpec.self).compactMap { trigger in
            campaign(trigger.value.campaign, of: trigger.identity.tenant).map {
                ResolvedTrigger(identity: trigger.identity, place: trigger.place, spec: trigger.value, campaign: $0)
            }
        }
    }

    private func campaign(_ name: String, of tenant: String) -> SpecIdentity? {
        spec(CampaignSpec.self, tenant: tenant, name: name)?.identity
    }

    /// Returns the `Tenant` document of a tenant, or `nil` without one.
    public func tenant(_ name: String) -> Located<TenantSpec>? {
        spec(TenantSpec.self, tenant: name, name: name)
    }

    /// Returns the specs of one kind, sorted by identity.
    public func all<Spec: SpecContent>(_ kind: Spec.Type) -> [Located<Spec>] {
        index.all(kind)
    }

    /// Returns one spec, or `nil` if none has the name.
    public func spec<Spec: SpecContent>(_ kind: Spec.Type, tenant: String, name: String) -> Located<Spec>? {
        index.spec(kind, name, tenant: tenant)
    }
}
