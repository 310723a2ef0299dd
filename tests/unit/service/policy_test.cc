// What a label's policy says to grants, and what supervisors decide.
#include "world.h"

namespace recrypt {
namespace {

class PolicyTest : public testing::Test {
 protected:
  void Publish(const LabelPolicy& policy) {
    world_.label.profile.policy = policy;
    ++world_.label.profile.version.version;
    const ResponseStatus set = world_.alice_client.SetLabel(world_.label, world_.alice);
    ASSERT_TRUE(set.ok()) << set.description;
  }
  GrantResult Open(TestClient& client, const Bytes& t, GrantUse use = GrantUse::kOpen) {
    GetRequest get;
    get.use = use;
    get.grants.push_back({world_.label.Kid(), t, Bytes(16, 0xDD), Bytes(32, 0xEE)});
    const Response response = client.Call(Request(get));
    const auto* found = std::get_if<GetResponse>(&response);
    if (found == nullptr || found->grants.size() != 1) return {StatusIn(response), {}, 0};
    EXPECT_EQ(found->halves.empty(), !found->grants[0].status.ok() || !get.halves);
    return found->grants[0];
  }
  std::string ReasonOf(const GrantResult& result) {
    EXPECT_EQ(result.p.empty(), !result.status.ok());
    return result.status.ok() ? "granted" : result.status.reason;
  }
  std::string Opened() { return ReasonOf(Open(world_.bob_client, NewEphemeral())); }

  LabelPolicy Reviewed() {
    LabelPolicy policy;
    policy.review.all_documents = true;
    policy.review.supervisors = {{world_.alice.name, world_.alice.Udf()}};
    return policy;
  }
  ResponseStatus Decide(TestClient& client, uint64_t id, bool approved, uint32_t seconds = 0) {
    SetRequest set;
    set.what.emplace<ReviewRecord>(ReviewRecord{world_.label.name(), id, approved, seconds});
    return StatusIn(client.Call(Request(set)));
  }
  Json Listed(TestClient& client, const std::string& type, const std::string& event = "",
              const std::string& account = "") {
    SelectRequest select;
    select.type = type;
    select.label = world_.label.name();
    select.event = event;
    select.account = account;
    const Response response = client.Call(Request(select));
    const auto* found = std::get_if<SelectResponse>(&response);
    return found != nullptr && found->status.ok() ? found->items : Json();
  }

  World world_;
};

TEST_F(PolicyTest, QuotasOfAMemberAreUsedUpAndComeBack) {
  LabelPolicy policy;
  policy.quotas = {{QuotaPer::kMember, 2, 3600}};
  Publish(policy);
  EXPECT_EQ(Opened(), "granted");
  EXPECT_EQ(Opened(), "granted");
  const GrantResult refused = Open(world_.bob_client, NewEphemeral());
  EXPECT_EQ(ReasonOf(refused), "quota");
  EXPECT_NE(refused.status.description.find("2 openings in 3600 seconds for each member"),
            std::string::npos);
  ASSERT_TRUE(world_.alice_client.SetUser(world_.label.User(world_.alice)).ok());
  EXPECT_EQ(ReasonOf(Open(world_.alice_client, NewEphemeral())), "granted");
  world_.service.clock.Advance(3601);
  world_.bob_client.clock_offset = 3601;
  world_.bob_client.Hello();
  EXPECT_EQ(Opened(), "granted");
}

// A clock that was a month ahead when the period began.
TEST_F(PolicyTest, AQuotaComesBackInItsTimeAlsoWhenTheClockIsSetBack) {
  constexpr int64_t kMonth = int64_t{30} * 86400;
  const auto set_clock = [&](int64_t by) {
    world_.service.clock.Advance(by);
    world_.bob_client.clock_offset += by;
    world_.bob_client.Hello();
  };
  LabelPolicy policy;
  policy.quotas = {{QuotaPer::kMember, 2, 3600}};
  Publish(policy);
  set_clock(kMonth);
  EXPECT_EQ(Opened(), "granted");
  set_clock(-kMonth);
  EXPECT_EQ(Opened(), "granted");
  EXPECT_EQ(Opened(), "quota");
  set_clock(3601);
  EXPECT_EQ(Opened(), "granted");
}

TEST_F(PolicyTest, QuotasCountWithinOneRequestAndOverARestart) {
  LabelPolicy policy;
  policy.quotas = {{QuotaPer::kDevice, 3, 86400}, {QuotaPer::kLabel, 100, 60}};
  Publish(policy);
  const GetResponse batch =
      world_.bob_client.Grant(world_.label.Kid(), {NewEphemeral(), Bytes(32, 0), NewEphemeral()});
  EXPECT_EQ(ReasonOf(batch.grants.at(0)), "granted");
  EXPECT_EQ(ReasonOf(batch.grants.at(1)), "invalid");
  EXPECT_EQ(ReasonOf(batch.grants.at(2)), "granted");
  world_.service.Restart();
  TestClient bob(world_.service, world_.bob.sign);
  EXPECT_EQ(ReasonOf(Open(bob, NewEphemeral())), "granted");
  EXPECT_EQ(ReasonOf(Open(bob, NewEphemeral())), "quota");
}

TEST_F(PolicyTest, APrefetchUsesUpNoQuotaAndAsksForNoReview) {
  LabelPolicy policy;
  policy.quotas = {{QuotaPer::kMember, 1, 3600}};
  Publish(policy);
  EXPECT_EQ(ReasonOf(Open(world_.bob_client, NewEphemeral(), GrantUse::kPrefetch)), "prefetch");
  EXPECT_EQ(Opened(), "granted");
  Publish(Reviewed());
  EXPECT_EQ(ReasonOf(Open(world_.bob_client, NewEphemeral(), GrantUse::kPrefetch)), "prefetch");
  EXPECT_EQ(Listed(world_.alice_client, "Reviews").size(), 0u);
  policy = {};
  policy.prefetch = false;
  Publish(policy);
  EXPECT_EQ(ReasonOf(Open(world_.bob_client, NewEphemeral(), GrantUse::kPrefetch)), "prefetch");
  EXPECT_EQ(Opened(), "granted");
}

TEST_F(PolicyTest, LeasesEndWithTheHours) {
  const int64_t now = world_.service.clock.NowSeconds();
  const auto minute = static_cast<unsigned>(now % 86400 / 60);
  LabelPolicy policy;
  policy.hours = OpeningHours{"UTC", TimeZone::Parse("UTC0").value(), {{0x7F, 0, 1440}}};
  Publish(policy);
  EXPECT_EQ(Opened(), "granted");
  if (minute < 1438) {
    policy.hours->windows = {{0x7F, 0, minute + 2}};
    Publish(policy);
    const GrantResult granted = Open(world_.bob_client, NewEphemeral());
    EXPECT_EQ(ReasonOf(granted), "granted");
    EXPECT_LE(granted.lease_seconds, 120u);
  }
  // The day before yesterday's weekday, and tomorrow's are closed now.
  const auto weekday = static_cast<unsigned>((now / 86400 + 4) % 7);
  policy.hours->windows = {{0x7Fu & ~(1u << weekday), 0, 1440}};
  Publish(policy);
  EXPECT_EQ(Opened(), "hours");
}

TEST_F(PolicyTest, ReadersNetworksAreKept) {
  LabelPolicy policy;
  policy.networks = {Network::Parse("10.0.0.0/8").value()};
  Publish(policy);
  EXPECT_EQ(Opened(), "network");
  policy.networks.push_back(Network::Parse("127.0.0.0/8").value());
  Publish(policy);
  EXPECT_EQ(Opened(), "granted");
}

TEST_F(PolicyTest, AReviewHoldsAGrantUntilASupervisorApproves) {
  Publish(Reviewed());
  const Bytes t = NewEphemeral();
  const GrantResult held = Open(world_.bob_client, t);
  EXPECT_EQ(ReasonOf(held), "pending");
  EXPECT_NE(held.status.description.find("alice@example.com"), std::string::npos);
  EXPECT_EQ(ReasonOf(Open(world_.bob_client, t)), "pending");
  const Json reviews = Listed(world_.alice_client, "Reviews");
  ASSERT_EQ(reviews.size(), 1u);  // the same document asked for again is the same
  EXPECT_EQ(reviews[0]["Account"], "bob@example.net");
  EXPECT_EQ(reviews[0]["State"], "pending");
  const uint64_t id = reviews[0]["Id"].get<uint64_t>();
  EXPECT_EQ(Decide(world_.bob_client, id, true).reason, "not-supervisor");
  EXPECT_EQ(Decide(world_.carol_client, id, true).reason, "not-supervisor");
  EXPECT_EQ(Decide(world_.alice_client, id + 1, true).status, StatusCode::kNotFound);
  EXPECT_TRUE(Decide(world_.alice_client, id, true, 60).ok());
  const GrantResult granted = Open(world_.bob_client, t);
  EXPECT_EQ(ReasonOf(granted), "granted");
  EXPECT_LE(granted.lease_seconds, 60u);
  // It is this document's alone: another T is another document, whatever the client calls it.
  EXPECT_EQ(Opened(), "pending");
  EXPECT_EQ(Listed(world_.alice_client, "Audit", "review-request").size(), 2u);
  const Json decided = Listed(world_.alice_client, "Audit", "review-approve");
  ASSERT_EQ(decided.size(), 1u);
  EXPECT_EQ(decided[0]["account"], "bob@example.net");
  EXPECT_EQ(decided[0]["by"], "alice@example.com");
}

TEST_F(PolicyTest, ADenialIsToldAndADecisionExpires) {
  Publish(Reviewed());
  const Bytes t = NewEphemeral();
  EXPECT_EQ(ReasonOf(Open(world_.bob_client, t)), "pending");
  const uint64_t id = Listed(world_.alice_client, "Reviews").at(0)["Id"].get<uint64_t>();
  EXPECT_TRUE(Decide(world_.alice_client, id, false, 100).ok());
  EXPECT_EQ(ReasonOf(Open(world_.bob_client, t)), "denied");
  world_.service.clock.Advance(101);
  EXPECT_EQ(Listed(world_.alice_client, "Reviews").at(0)["State"], "expired");
  EXPECT_EQ(ReasonOf(Open(world_.bob_client, t)), "pending");
  EXPECT_EQ(Listed(world_.alice_client, "Reviews").at(0)["Id"].get<uint64_t>(), id);
}

TEST_F(PolicyTest, AMemberSeesWhatBecameOfTheirOwnRequestsAndOfNobodyElses) {
  Publish(Reviewed());
  ASSERT_TRUE(world_.alice_client.SetUser(world_.label.User(world_.carol)).ok());
  const Bytes t = NewEphemeral();
  EXPECT_EQ(ReasonOf(Open(world_.bob_client, t)), "pending");
  EXPECT_EQ(ReasonOf(Open(world_.carol_client, NewEphemeral())), "pending");
  const size_t refused = Listed(world_.alice_client, "Audit", "refuse").size();
  const Json own = Listed(world_.bob_client, "Reviews", "", "bob@example.net");
  ASSERT_EQ(own.size(), 1u);
  EXPECT_EQ(own[0]["Account"], "bob@example.net");
  EXPECT_EQ(own[0]["State"], "pending");
  ASSERT_TRUE(Decide(world_.alice_client, own[0]["Id"].get<uint64_t>(), true).ok());
  const Json decided = Listed(world_.bob_client, "Reviews", "", "bob@example.net");
  EXPECT_EQ(decided.at(0)["State"], "approved");
  EXPECT_EQ(decided.at(0)["By"], "alice@example.com");
  EXPECT_EQ(Listed(world_.alice_client, "Audit", "refuse").size(), refused);
  EXPECT_TRUE(Listed(world_.bob_client, "Reviews").is_null());
  EXPECT_TRUE(Listed(world_.bob_client, "Reviews", "", "carol@example.net").is_null());
}

TEST_F(PolicyTest, AMemberWhoSupervisesFromElsewhereDecidesButNotForThemselves) {
  LabelPolicy policy = Reviewed();
  policy.review.supervisors = {{world_.bob.name, world_.bob.Udf()}};
  Publish(policy);
  ASSERT_TRUE(world_.alice_client.SetUser(world_.label.User(world_.carol)).ok());
  EXPECT_EQ(ReasonOf(Open(world_.carol_client, NewEphemeral())), "pending");
  EXPECT_EQ(ReasonOf(Open(world_.bob_client, NewEphemeral())), "pending");
  const Json reviews = Listed(world_.bob_client, "Reviews");
  ASSERT_EQ(reviews.size(), 2u);
  EXPECT_TRUE(Decide(world_.bob_client, reviews[0]["Id"].get<uint64_t>(), true).ok());
  EXPECT_EQ(Decide(world_.bob_client, reviews[1]["Id"].get<uint64_t>(), true).reason,
            "not-supervisor");
  EXPECT_TRUE(Listed(world_.carol_client, "Reviews").is_null());
}

TEST_F(PolicyTest, ADeviceDoesNotDecideUnderAnotherNameAboutWhatItAskedFor) {
  TestAccount boss("boss@example.net");
  boss.sign = world_.bob.sign;
  LabelPolicy policy = Reviewed();
  policy.review.supervisors = {{boss.name, boss.Udf()}};
  Publish(policy);
  ASSERT_TRUE(world_.alice_client.SetUser(world_.label.User(world_.carol)).ok());
  EXPECT_EQ(Opened(), "pending");
  EXPECT_EQ(ReasonOf(Open(world_.carol_client, NewEphemeral())), "pending");
  ASSERT_TRUE(world_.alice_client.SetUser(world_.label.User(boss)).ok());
  const Json reviews = Listed(world_.bob_client, "Reviews");
  ASSERT_EQ(reviews.size(), 2u);
  EXPECT_EQ(Decide(world_.bob_client, reviews[0]["Id"].get<uint64_t>(), true).reason,
            "not-supervisor");
  EXPECT_TRUE(Decide(world_.bob_client, reviews[1]["Id"].get<uint64_t>(), true).ok());
}

TEST_F(PolicyTest, OnlyTheMembersUnderReviewAreHeld) {
  LabelPolicy policy = Reviewed();
  policy.review.all_documents = false;
  policy.review.members = {"bob@example.net"};
  Publish(policy);
  ASSERT_TRUE(world_.alice_client.SetUser(world_.label.User(world_.carol)).ok());
  EXPECT_EQ(ReasonOf(Open(world_.carol_client, NewEphemeral())), "granted");
  EXPECT_EQ(Opened(), "pending");
  policy.review.members.clear();
  policy.review.documents = {Bytes(16, 0xDD)};
  Publish(policy);
  EXPECT_EQ(ReasonOf(Open(world_.carol_client, NewEphemeral())), "pending");
}

class BoundPolicyTest : public PolicyTest {
 protected:
  void SetUp() override {
    LabelPolicy policy;
    policy.ephemerals = Ephemerals::kRequired;
    Publish(policy);
  }
  std::string Asked(const GrantRequest& grant, GrantUse use = GrantUse::kOpen) {
    return Asked(world_.bob_client, grant, use);
  }
  std::string Asked(TestClient& client, const GrantRequest& grant, GrantUse use = GrantUse::kOpen) {
    GetRequest get;
    get.use = use;
    get.grants.push_back(grant);
    const Response response = client.Call(Request(get));
    const auto* found = std::get_if<GetResponse>(&response);
    if (found == nullptr || found->grants.size() != 1) return StatusIn(response).reason;
    return ReasonOf(found->grants[0]);
  }
  GrantRequest NewGrant() { return BoundGrant(world_.label, document_, ephemeral_); }

  const Bytes document_ = Bytes(16, 0xDD);
  const BoundEphemeral ephemeral_ = MakeBoundEphemeral(Curve::kX25519).value();
};

TEST_F(BoundPolicyTest, WhatIsBoundIsGrantedAgainAndAgain) {
  EXPECT_EQ(Asked(NewGrant(), GrantUse::kPrefetch), "granted");
  EXPECT_EQ(Asked(NewGrant()), "granted");
  world_.service.Restart();
  TestClient bob(world_.service, world_.bob.sign);
  EXPECT_EQ(Asked(bob, NewGrant()), "granted");
}

TEST_F(BoundPolicyTest, AnEphemeralWithoutABindingIsRefused) {
  GrantRequest grant = NewGrant();
  grant.binding.reset();
  EXPECT_EQ(Asked(grant), "unbound");
  EXPECT_EQ(Asked(grant, GrantUse::kPrefetch), "unbound");
}

// r T in place of T: the document that it is of could not be told by its T.
TEST_F(BoundPolicyTest, ABlindedEphemeralIsRefused) {
  GrantRequest grant = NewGrant();
  grant.ephemeral = NewEphemeral();
  EXPECT_EQ(Asked(grant), "unbound");
  grant.binding->signer = MakeBoundEphemeral(Curve::kX25519)->sign.public_key().bytes();
  EXPECT_EQ(Asked(grant), "unbound");
}

TEST_F(BoundPolicyTest, AnEphemeralIsRefusedForAnotherDocumentThanItWasMadeFor) {
  GrantRequest grant = NewGrant();
  grant.document = Bytes(16, 0xAA);
  EXPECT_EQ(Asked(grant), "unbound");
}

// Its maker can sign for it twice: who asks first, asks for all.
TEST_F(BoundPolicyTest, AnEphemeralIsRefusedUnderAnotherHeader) {
  EXPECT_EQ(Asked(NewGrant()), "granted");
  const GrantRequest second = BoundGrant(world_.label, Bytes(16, 0xAA), ephemeral_);
  EXPECT_EQ(Asked(second), "unbound");
  EXPECT_EQ(Asked(second, GrantUse::kPrefetch), "unbound");
  world_.service.Restart();
  TestClient bob(world_.service, world_.bob.sign);
  EXPECT_EQ(Asked(bob, second), "unbound");
  EXPECT_EQ(Asked(bob, NewGrant()), "granted");
}

TEST_F(BoundPolicyTest, BeforeItIsRequiredABindingIsCheckedWhereItIsThere) {
  LabelPolicy policy;
  policy.ephemerals = Ephemerals::kBound;
  Publish(policy);
  EXPECT_EQ(Opened(), "granted");
  GrantRequest grant = NewGrant();
  EXPECT_EQ(Asked(grant), "granted");
  grant.document = Bytes(16, 0xAA);
  EXPECT_EQ(Asked(grant), "unbound");
}

}  // namespace
}  // namespace recrypt
