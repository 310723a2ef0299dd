// Who may set what of a label, and that nothing else is stored (docs/PROTOCOL.md, 3).
#include "core/udf/udf.h"
#include "world.h"

namespace recrypt {
namespace {

class SetKeySetTest : public testing::Test {
 protected:
  World world;
  TestClient& alice = world.alice_client;
};

TEST_F(SetKeySetTest, IsAnsweredToAnyoneAsItWasSet) {
  GetRequest get;
  get.statics.push_back({"KeySet", world.label.name()});
  const Response response = world.carol_client.CallBare(Request(get));
  const auto profile = VerifyLabelProfile(std::get<GetResponse>(response).statics.at(0).value);
  ASSERT_TRUE(profile);
  EXPECT_EQ(profile->Udf(), KeyUdf(world.label.master.public_key()));
}

TEST_F(SetKeySetTest, NeedsAVersionAboveTheStored) {
  const auto set = [&](uint64_t version, uint32_t lease) {
    world.label.profile.version.version = version;
    world.label.profile.policy.lease_seconds = lease;
    return alice.SetLabel(world.label, world.alice);
  };
  EXPECT_EQ(set(1, 100).reason, "stale");
  EXPECT_EQ(set(2, 100).status, StatusCode::kUpdated);
  EXPECT_EQ(set(5, 100).status, StatusCode::kUpdated);
  for (const uint64_t version : {2, 4, 5}) EXPECT_EQ(set(version, 200).reason, "stale") << version;
}

TEST_F(SetKeySetTest, ByAnotherMasterThanTheStoredOneIsRefused) {
  TestLabel other(world.label.name(), world.alice, world.service);
  other.profile.version.version = 2;
  EXPECT_EQ(alice.SetLabel(other, world.alice).reason, "not-administrator");
}

TEST_F(SetKeySetTest, ByAMemberIsRefused) {
  world.label.profile.version.version = 2;
  EXPECT_EQ(world.bob_client.SetLabel(world.label, world.alice).reason, "not-administrator");
}

TEST_F(SetKeySetTest, OfALabelOwnedByAnAccountOfAnotherDomainIsRefused) {
  const TestLabel label("Other#example.com", world.bob, world.service);
  EXPECT_EQ(world.bob_client.SetLabel(label, world.bob).reason, "policy");
}

TEST_F(SetKeySetTest, OverSeveralServicesIsTakenOfAGuestUnlessItsNameIsOneOfThisDomain) {
  ASSERT_TRUE(world.bob_client.Register(world.bob).ok());
  const auto set = [&](const std::string& name, bool several) {
    TestLabel label(name, world.bob, world.service);
    if (several) label.profile.services.push_back({"example.net", world.alice.Udf()});
    label.profile.threshold = several ? 2 : 1;
    return world.bob_client.SetLabel(label, world.bob);
  };
  EXPECT_EQ(set("Board#example.net", false).reason, "policy");
  EXPECT_EQ(set("Board#example.com", true).reason, "policy");
  EXPECT_TRUE(set("Board#example.net", true).ok());
}

TEST_F(SetKeySetTest, OfALabelInAnothersNameIsRefused) {
  // bob's device, alice's name as the owner.
  const TestLabel label("Other#example.com", world.alice, world.service);
  EXPECT_EQ(world.bob_client.SetLabel(label, world.alice).reason, "not-administrator");
}

TEST_F(SetKeySetTest, ThatDoesNotNameThisServiceIsRefused) {
  TestLabel label("Other#example.com", world.alice, world.service);
  label.profile.services[0].udf = world.alice.Udf();
  EXPECT_EQ(alice.SetLabel(label, world.alice).status, StatusCode::kInvalid);
}

TEST_F(SetKeySetTest, WithTheKeyOfAnotherLabelIsRefused) {
  const TestLabel label("Other#example.com", world.alice, world.service,
                        PrivateKey::Generate(Curve::kEd25519), world.label.key);
  EXPECT_EQ(alice.SetLabel(label, world.alice).reason, "exists");
}

TEST_F(SetKeySetTest, GivesItsSecretsToAdministratorsAlone) {
  const StaticResult secrets = Static(alice, "Secrets", world.label.name());
  ASSERT_TRUE(secrets.status.ok());
  EXPECT_TRUE(OpenLabelSecrets(secrets.value["Secrets"], world.alice.encrypt));
  EXPECT_EQ(Static(world.bob_client, "Secrets", world.label.name()).status.reason,
            "not-administrator");
}

TEST_F(SetKeySetTest, TellsAdministratorsWhoHasTheSecrets) {
  const StaticResult secrets = Static(alice, "Secrets", world.label.name());
  EXPECT_EQ(secrets.value["Devices"], Json::array({world.alice.DeviceUdf()}));
}

// Entries for a key that is to come are made before it is the current one.
TEST_F(SetKeySetTest, WithANextKeyTakesEntriesForItUntilItIsGivenUp) {
  const PrivateKey next = PrivateKey::Generate(Curve::kX25519);
  TestLabel coming = world.label;
  coming.profile.next = LabelProfile::EpochKey{2, next.public_key()};
  coming.profile.version.version = 2;
  ASSERT_TRUE(alice.SetLabel(coming, world.alice).ok());
  TestLabel entries = coming;
  entries.key = next;
  UserRecord user = entries.User(world.bob);
  user.entries[0].epoch = 2;
  ASSERT_EQ(alice.SetUser(user).status, StatusCode::kOk);
  const auto has = [&] {
    return Static(world.bob_client, "Entry", world.label.name()).value["Entries"].size();
  };
  EXPECT_EQ(has(), 2u);
  coming.profile.next.reset();
  coming.profile.version.version = 3;
  ASSERT_TRUE(alice.SetLabel(coming, world.alice).ok());
  EXPECT_EQ(has(), 1u);
  EXPECT_EQ(world.bob_client.Grant(KeyUdf(next.public_key()), {NewEphemeral()})
                .grants.at(0)
                .status.reason,
            "no-entry");
}

// An administrator who adds somebody just when another one rotates the label.
TEST_F(SetKeySetTest, WithANewKeyRefusesEntriesForTheOldOneAlone) {
  const UserRecord old = world.label.User(world.carol);
  const PublicKey old_key = world.label.profile.key;
  world.label.key = PrivateKey::Generate(Curve::kX25519);
  world.label.profile.key = world.label.key.public_key();
  world.label.profile.epoch = 2;
  world.label.profile.archived = {{1, old_key}};
  world.label.profile.version.version = 2;
  ASSERT_TRUE(alice.SetLabel(world.label, world.alice).ok());
  EXPECT_EQ(alice.SetUser(old).reason, "stale");
  UserRecord both = world.label.User(world.carol);
  both.entries.push_back(old.entries[0]);
  EXPECT_EQ(alice.SetUser(both).status, StatusCode::kOk);
}

}  // namespace
}  // namespace recrypt
