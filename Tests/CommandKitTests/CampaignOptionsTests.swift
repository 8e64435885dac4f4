import ArgumentParser
import CommandKit
import Testing

/// Names of campaigns on the command line, and the errors for campaigns that do not exist.
struct CampaignOptionsTests {
    @Test(arguments: [["offer", "--tenant", "acme"], ["acme/offer"], ["acme/offer", "--tenant", "acme"]])
    func takesTheTenantFromTheOptionOrTheName(arguments: [String]) throws {
        let campaign = try CampaignOptions.parse(arguments)
        #expect(campaign.name == "offer" && campaign.tenant == "acme" && campaign.path == "acme/offer")
    }

    @Test(arguments: [
        ["offer"], ["acme/offer", "--tenant", "other"], ["acme/news/offer"], ["/offer", "--tenant", "acme"], ["acme/"],
        ["", "--tenant", "acme"],
    ])
    func refusesWhatNamesNoCampaign(arguments: [String]) {
        #expect(throws: (any Error).self) { try CampaignOptions.parse(arguments) }
    }

    @Test func suggestsTheNearestName() {
        let known = ["welcome-offer", "vip-thanks"]
        #expect(
            CampaignLookupError.unknown("welcome-ofer", tenant: "acme", known: known).description
                == "no campaign `welcome-ofer` in tenant `acme`; did you mean `welcome-offer`?"
        )
        #expect(
            CampaignLookupError.unknown("x", tenant: "acme", known: known).description
                == "no campaign `x` in tenant `acme`; the tenant has `welcome-offer`, `vip-thanks`"
        )
        #expect(
            CampaignLookupError.unknown("x", tenant: "acme", known: []).description
                == "no campaign `x` in tenant `acme`; create it with `reconcile` first"
        )
    }
}
