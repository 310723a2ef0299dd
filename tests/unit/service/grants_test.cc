#include <filesystem>
#include <fstream>

#include "core/recryption/recryption.h"
#include "service/sql_store.h"
#include "world.h"

namespace recrypt {
namespace {

// Z as the label's key gives it is among the candidates of grant and member half.
bool OpensWith(const GetResponse& response, size_t index, const Bytes& ephemeral,
               const TestLabel& label, const TestAccount& member) {
  const PublicKey t = PublicKey::FromBytes(label.key.curve(), ephemeral).value();
  const auto half = OpenHalf(response.halves.at(label.Kid()), member.encrypt,
                             {member.DeviceUdf(), label.Kid(), label.name()}, label.key.curve());
  if (!half) return false;
  const auto candidates = Combine(t, response.grants[index].p, *half);
  const Secret z = AgreeHalf(label.key, t).value();
  if (!candidates) return false;
  for (const Secret& one : *candidates) {
    if (one.Equals(z)) return true;
  }
  return false;
}

TEST(Grant, LetsAMemberComputeTheSecret) {
  World world;
  const Bytes t = NewEphemeral();
  const GetResponse response = world.bob_client.Grant(world.label.Kid(), {t});
  ASSERT_EQ(response.grants.size(), 1u);
  EXPECT_TRUE(response.grants[0].status.ok());
  EXPECT_EQ(response.grants[0].lease_seconds, 900u);
  EXPECT_TRUE(OpensWith(response, 0, t, world.label, world.bob));
}

TEST(Grant, WorksOnP256) {
  World world;
  const TestLabel label("Nist#example.com", world.alice, world.service, Curve::kP256);
  ASSERT_TRUE(world.alice_client.SetLabel(label, world.alice).ok());
  ASSERT_TRUE(world.alice_client.SetUser(label.User(world.bob)).ok());
  const Bytes t = NewEphemeral(Curve::kP256);
  const GetResponse response = world.bob_client.Grant(label.Kid(), {t});
  ASSERT_TRUE(response.grants.at(0).status.ok());
  EXPECT_TRUE(OpensWith(response, 0, t, label, world.bob));
}

TEST(Grant, AnswersABatchInOrder) {
  World world;
  std::vector<Bytes> ephemerals;
  for (int i = 0; i < 256; ++i) ephemerals.push_back(NewEphemeral());
  ephemerals[7] = Bytes(32, 0);
  const GetResponse response = world.bob_client.Grant(world.label.Kid(), ephemerals);
  ASSERT_EQ(response.grants.size(), 256u);
  for (size_t i = 0; i < 256; ++i) {
    if (i == 7) {
      EXPECT_EQ(response.grants[i].status.status, StatusCode::kInvalid);
    } else {
      ASSERT_TRUE(response.grants[i].status.ok()) << i;
    }
  }
  EXPECT_TRUE(OpensWith(response, 0, ephemerals[0], world.label, world.bob));
  EXPECT_TRUE(OpensWith(response, 255, ephemerals[255], world.label, world.bob));
  EXPECT_EQ(response.halves.size(), 1u);
}

TEST(Grant, RefusesEphemeralsThatAreNone) {
  World world;
  Bytes one(32, 0);
  one[0] = 1;  // of small order
  Bytes twist(32, 0);
  twist[0] = 2;  // not on the curve
  for (const Bytes& bad :
       {Bytes(), Bytes(31, 9), Bytes(33, 2), Bytes(32, 0), one, twist, Bytes(32, 0xFF)}) {
    const GetResponse response = world.bob_client.Grant(world.label.Kid(), {bad});
    EXPECT_EQ(response.grants.at(0).status.status, StatusCode::kInvalid);
    EXPECT_TRUE(response.grants.at(0).p.empty());
  }
}

TEST(Grant, IsRefusedWithoutAnEntry) {
  World world;
  const GetResponse response = world.carol_client.Grant(world.label.Kid(), {NewEphemeral()});
  EXPECT_EQ(response.grants.at(0).status.reason, "no-entry");
  EXPECT_TRUE(response.halves.empty());
}

TEST(Grant, IsRefusedForAKeyOfAnotherLabelOrOfNone) {
  World world;
  const TestLabel other("Other#example.com", world.alice, world.service);
  ASSERT_TRUE(world.alice_client.SetLabel(other, world.alice).ok());
  EXPECT_EQ(world.bob_client.Grant(other.Kid(), {NewEphemeral()}).grants.at(0).status.reason,
            "no-entry");
  EXPECT_EQ(world.bob_client.Grant("MAAA-BBBB", {NewEphemeral()}).grants.at(0).status.reason,
            "no-entry");
}

TEST(Grant, NeedsASession) {
  World world;
  GetRequest get;
  get.grants.push_back({world.label.Kid(), NewEphemeral(), {}, {}});
  EXPECT_EQ(StatusIn(world.bob_client.CallBare(Request(get))).reason, "session");
}

TEST(Grant, EndsAtOnceWithARevocation) {
  World world;
  ASSERT_TRUE(world.bob_client.Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).status.ok());
  const Response removed = world.alice_client.Call(Request(DeleteRequest{
      "", DeleteRequest::Kind::kUser, world.label.name(), world.bob.name.text(), ""}));
  ASSERT_EQ(StatusIn(removed).status, StatusCode::kUpdated);
  EXPECT_EQ(world.bob_client.Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).status.reason,
            "revoked");
}

TEST(Grant, FollowsThePolicyOfTheLabelAtOnce) {
  World world;
  EXPECT_EQ(world.bob_client.Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).lease_seconds,
            900u);
  world.label.profile.policy.lease_seconds = 60;
  world.label.profile.version.version = 2;
  ASSERT_TRUE(world.alice_client.SetLabel(world.label, world.alice).ok());
  EXPECT_EQ(world.bob_client.Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).lease_seconds,
            60u);
}

TEST(Grant, UnderAReplacedEntryUsesTheNewHalves) {
  World world;
  ASSERT_TRUE(world.bob_client.Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).status.ok());
  EXPECT_EQ(world.alice_client.SetUser(world.label.User(world.bob)).status, StatusCode::kUpdated);
  const Bytes t = NewEphemeral();
  const GetResponse response = world.bob_client.Grant(world.label.Kid(), {t});
  EXPECT_TRUE(OpensWith(response, 0, t, world.label, world.bob));
}

TEST(Grant, UnderAnArchivedKeyGoesOnUntilTheLabelDropsIt) {
  World world;
  const std::string old_kid = world.label.Kid();
  const PublicKey old_key = world.label.profile.key;
  world.label.key = PrivateKey::Generate(Curve::kX25519);
  world.label.profile.key = world.label.key.public_key();
  world.label.profile.epoch = 2;
  world.label.profile.archived = {{1, old_key}};
  world.label.profile.version.version = 2;
  ASSERT_TRUE(world.alice_client.SetLabel(world.label, world.alice).ok());
  EXPECT_TRUE(world.bob_client.Grant(old_kid, {NewEphemeral()}).grants.at(0).status.ok());
  EXPECT_EQ(world.bob_client.Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).status.reason,
            "no-entry");
  world.label.profile.archived.clear();
  world.label.profile.version.version = 3;
  ASSERT_TRUE(world.alice_client.SetLabel(world.label, world.alice).ok());
  EXPECT_FALSE(world.bob_client.Grant(old_kid, {NewEphemeral()}).grants.at(0).status.ok());
}

TEST(Grant, ComesWithAReceiptThatTheChainBears) {
  World world;
  const GetResponse response =
      world.bob_client.Grant(world.label.Kid(), {NewEphemeral(), NewEphemeral()});
  world.service.Stop();
  auto store = world.service.ReadStore();
  const AuditHead head = VerifyAudit(*store).value();
  EXPECT_EQ(response.receipt_sequence, head.sequence);
  EXPECT_EQ(response.receipt_head, ToBytes(head.hash));
}

TEST(Grant, IsOnRecordWithWhatItWasFor) {
  World world;
  const Bytes t = NewEphemeral();
  (void)world.bob_client.Grant(world.label.Kid(), {t});
  SelectRequest select;
  select.type = "Audit";
  select.label = world.label.name();
  select.event = "grant";
  const Response response = world.alice_client.Call(Request(select));
  const Json& items = std::get<SelectResponse>(response).items;
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0]["account"], "bob@example.net");
  EXPECT_EQ(items[0]["device"], world.bob.DeviceUdf());
  EXPECT_EQ(items[0]["t"], Base64UrlEncode(t));
  EXPECT_EQ(items[0]["document"], Base64UrlEncode(Bytes(16, 0xDD)));
  EXPECT_EQ(items[0]["header"], Base64UrlEncode(Bytes(32, 0xEE)));
  EXPECT_EQ(items[0]["use"], "open");
}

TEST(Grant, ThatIsRefusedIsOnRecordToo) {
  World world;
  (void)world.carol_client.Grant(world.label.Kid(), {NewEphemeral()});
  SelectRequest select;
  select.type = "Audit";
  select.label = world.label.name();
  select.event = "refuse";
  const Response response = world.alice_client.Call(Request(select));
  const Json& items = std::get<SelectResponse>(response).items;
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0]["device"], world.carol.DeviceUdf());
  EXPECT_EQ(items[0]["reason"], "no-entry");
}

TEST(Grant, IsNotGivenWhenItsRecordCannotBeWritten) {
  StoreFaults faults;
  World world(faults.Wrap());
  faults.writes = true;
  const GetResponse response = world.bob_client.Grant(world.label.Kid(), {NewEphemeral()});
  EXPECT_EQ(response.status.status, StatusCode::kInternal);
  EXPECT_TRUE(response.grants.empty());
  EXPECT_TRUE(response.halves.empty());
  EXPECT_EQ(response.status.description.find("disk"), std::string::npos);
  faults.writes = false;
  EXPECT_TRUE(world.bob_client.Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).status.ok());
}

TEST(Grant, SurvivesARestart) {
  World world;
  world.service.Restart();
  TestClient bob(world.service, world.bob.sign);
  const Bytes t = NewEphemeral();
  const GetResponse response = bob.Grant(world.label.Kid(), {t});
  ASSERT_TRUE(response.grants.at(0).status.ok());
  EXPECT_TRUE(OpensWith(response, 0, t, world.label, world.bob));
}

TEST(Entries, AreAtRestOnlySealed) {
  World world;
  (void)world.bob_client.Grant(world.label.Kid(), {NewEphemeral()});
  const UserRecord known = world.label.User(world.carol);
  ASSERT_TRUE(world.alice_client.SetUser(known).ok());
  (void)world.carol_client.Grant(world.label.Kid(), {NewEphemeral()});
  const Secret half =
      OpenHalf(known.entries[0].service_half, world.service.server().keys().encrypt,
               {known.entries[0].device, known.entries[0].key, known.label}, Curve::kX25519)
          .value()
          .RevealBytes();
  const std::string raw(AsText(half.Reveal()));
  for (const auto& file : std::filesystem::directory_iterator(world.service.config.state)) {
    std::ifstream in(file.path(), std::ios::binary);
    const std::string content((std::istreambuf_iterator<char>(in)), {});
    EXPECT_EQ(content.find(raw), std::string::npos) << file.path();
    EXPECT_EQ(content.find(Base64UrlEncode(half.Reveal())), std::string::npos) << file.path();
    EXPECT_EQ(content.find(HexEncode(half.Reveal())), std::string::npos) << file.path();
  }
}

}  // namespace
}  // namespace recrypt
