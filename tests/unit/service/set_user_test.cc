// Who may give which entries to whom (docs/PROTOCOL.md, 3).
#include "core/jose/jwk.h"
#include "core/recryption/recryption.h"
#include "world.h"

namespace recrypt {
namespace {

class SetUserTest : public testing::Test {
 protected:
  ResponseStatus Set(void (*spoil)(UserRecord&, World&)) {
    UserRecord user = world.label.User(world.carol);
    spoil(user, world);
    const ResponseStatus status = world.alice_client.SetUser(user);
    EXPECT_EQ(Static(world.carol_client, "Entry", world.label.name()).status.status,
              StatusCode::kNotFound);
    return status;
  }

  World world;
};

TEST_F(SetUserTest, GivesTheDeviceItsEntry) {
  ASSERT_EQ(world.alice_client.SetUser(world.label.User(world.carol)).status, StatusCode::kOk);
  const StaticResult entry = Static(world.carol_client, "Entry", world.label.name());
  ASSERT_EQ(entry.value["Entries"].size(), 1u);
  EXPECT_EQ(entry.value["Entries"][0]["Key"], world.label.Kid());
  EXPECT_EQ(entry.value["Entries"][0]["Epoch"], 1);
  EXPECT_TRUE(entry.value["Entries"][0].contains("Credential"));
  EXPECT_FALSE(entry.value["Entries"][0].contains("ServiceHalf"));
}

TEST_F(SetUserTest, ByAMemberOrAnAdministratorOfAnotherLabelIsRefused) {
  EXPECT_EQ(world.bob_client.SetUser(world.label.User(world.bob)).reason, "not-administrator");
  TestAccount dora("dora@example.com");
  TestClient dora_client(world.service, dora.sign);
  ASSERT_TRUE(dora_client.Register(dora).ok());
  const TestLabel other("Other#example.com", dora, world.service);
  ASSERT_TRUE(dora_client.SetLabel(other, dora).ok());
  EXPECT_EQ(dora_client.SetUser(world.label.User(dora)).reason, "not-administrator");
}

TEST_F(SetUserTest, OfALabelThatIsNotThereIsNotFound) {
  UserRecord user = world.label.User(world.carol);
  user.label = "Nothing#example.com";
  EXPECT_EQ(world.alice_client.SetUser(user).status, StatusCode::kNotFound);
}

TEST_F(SetUserTest, RefusesAHalfAboutAnotherDeviceKeyOrLabel) {
  for (int part = 0; part < 3; ++part) {
    UserRecord user = world.label.User(world.carol);
    SealedHalf about{user.entries[0].device, user.entries[0].key, user.label};
    if (part == 0) about.device = world.bob.DeviceUdf();
    if (part == 1) about.key = world.bob.DeviceUdf();
    if (part == 2) about.label = "Other#example.com";
    user.entries[0].service_half =
        SealHalf(about, SplitKey(world.label.key)->service_half, world.label.service_encrypt)
            .value();
    EXPECT_EQ(world.alice_client.SetUser(user).status, StatusCode::kInvalid) << part;
  }
}

TEST_F(SetUserTest, RefusesAHalfThatIsSealedToAnotherService) {
  EXPECT_EQ(Set([](UserRecord& user, World& w) {
              user.entries[0].service_half =
                  SealHalf({user.entries[0].device, user.entries[0].key, user.label},
                           SplitKey(w.label.key)->service_half, w.carol.encrypt.public_key())
                      .value();
            }).status,
            StatusCode::kInvalid);
}

TEST_F(SetUserTest, RefusesADeviceThatIsNotTheKeys) {
  EXPECT_EQ(Set([](UserRecord& user, World& w) {
              user.entries[0].sign = ToJwk(w.bob.sign.public_key());
            }).status,
            StatusCode::kInvalid);
}

TEST_F(SetUserTest, RefusesAKeyOrAnEpochThatTheLabelDoesNotHave) {
  EXPECT_EQ(Set([](UserRecord& user, World&) { user.entries[0].epoch = 2; }).status,
            StatusCode::kInvalid);
  EXPECT_EQ(Set([](UserRecord& user, World& w) { user.entries[0].key = w.bob.Udf(); }).status,
            StatusCode::kInvalid);
}

TEST_F(SetUserTest, RefusesACredentialOfAnotherMasterDeviceOrAccount) {
  EXPECT_FALSE(Set([](UserRecord& user, World&) { user.entries[0].credential[5] ^= 1; }).ok());
  EXPECT_FALSE(Set([](UserRecord& user, World& w) {
                 user.entries[0].credential = w.label.Entry(w.bob).credential;
               }).ok());
  EXPECT_FALSE(Set([](UserRecord& user, World& w) {
                 const Credential credential{
                     w.carol.sign.public_key(), true, 1,
                     static_cast<uint64_t>(SystemClock().NowSeconds() + 1000), "alice@example.com"};
                 user.entries[0].credential = IssueCredential(w.label.master, credential).value();
               }).ok());
  EXPECT_FALSE(Set([](UserRecord& user, World& w) {
                 const TestLabel other("Other#example.com", w.alice, w.service);
                 user.entries[0].credential = other.Entry(w.carol).credential;
               }).ok());
}

TEST_F(SetUserTest, RefusesAnAccountThatIsNone) {
  EXPECT_EQ(Set([](UserRecord& user, World&) { user.account = "carol"; }).status,
            StatusCode::kInvalid);
  EXPECT_EQ(Set([](UserRecord& user, World&) { user.profile_udf = "x"; }).status,
            StatusCode::kInvalid);
}

TEST_F(SetUserTest, StoresAllEntriesOrNone) {
  UserRecord user = world.label.User(world.carol);
  user.entries.push_back(world.label.Entry(world.bob));  // its credential is bob's
  EXPECT_FALSE(world.alice_client.SetUser(user).ok());
  EXPECT_EQ(Static(world.carol_client, "Entry", world.label.name()).status.status,
            StatusCode::kNotFound);
}

TEST_F(SetUserTest, WithoutACredentialMakesAReader) {
  UserRecord user = world.label.User(world.carol);
  user.entries[0].credential.clear();
  ASSERT_TRUE(world.alice_client.SetUser(user).ok());
  const StaticResult entry = Static(world.carol_client, "Entry", world.label.name());
  EXPECT_FALSE(entry.value["Entries"][0].contains("Credential"));
}

class SetUsersTest : public testing::Test {
 protected:
  ResponseStatus Set(TestClient& by, std::vector<UserRecord> users) {
    SetRequest set;
    set.what.emplace<UsersRecord>(UsersRecord{std::move(users)});
    return StatusIn(by.Call(Request(set)));
  }
  bool HasEntry(TestClient& client) {
    return Static(client, "Entry", world.label.name()).status.ok();
  }

  World world;
  TestAccount dave{"dave@example.net"};
  TestClient dave_client{world.service, dave.sign};
};

TEST_F(SetUsersTest, GivesAllOfThemTheirEntries) {
  const UserRecord carol = world.label.User(world.carol), dave_too = world.label.User(dave);
  EXPECT_EQ(Set(world.alice_client, {carol, dave_too}).status, StatusCode::kOk);
  EXPECT_TRUE(HasEntry(world.carol_client));
  EXPECT_TRUE(HasEntry(dave_client));
  EXPECT_EQ(Set(world.alice_client, {carol, dave_too}).status, StatusCode::kUpdated);
}

TEST_F(SetUsersTest, GivesNoneOfThemAnyWhereOneIsRefusedAndNamesIt) {
  UserRecord wrong = world.label.User(dave);
  wrong.entries[0].epoch = 7;
  const ResponseStatus status = Set(world.alice_client, {world.label.User(world.carol), wrong});
  EXPECT_EQ(status.status, StatusCode::kInvalid);
  EXPECT_NE(status.description.find("dave@example.net"), std::string::npos) << status.description;
  EXPECT_FALSE(HasEntry(world.carol_client));
}

TEST_F(SetUsersTest, OfTwoLabelsAreRefused) {
  const TestLabel other("Other#example.com", world.alice, world.service);
  ASSERT_TRUE(world.alice_client.SetLabel(other, world.alice).ok());
  EXPECT_EQ(Set(world.alice_client, {world.label.User(world.carol), other.User(dave)}).status,
            StatusCode::kInvalid);
  EXPECT_FALSE(HasEntry(world.carol_client));
}

TEST_F(SetUsersTest, ByWhoDoesNotAdministerTheLabelAreRefused) {
  EXPECT_EQ(Set(world.bob_client, {world.label.User(world.carol), world.label.User(dave)}).reason,
            "not-administrator");
  EXPECT_FALSE(HasEntry(world.carol_client));
}

TEST_F(SetUsersTest, ShowTheirCredentialsToAdministrators) {
  UserRecord reader = world.label.User(dave);
  reader.entries[0].credential.clear();
  ASSERT_TRUE(Set(world.alice_client, {world.label.User(world.carol), reader}).ok());
  SelectRequest select{"", "Entries", world.label.name(), "", "", "", 100};
  const Response response = world.alice_client.Call(Request(select));
  for (const Json& item : std::get<SelectResponse>(response).items) {
    EXPECT_EQ(item.contains("Credential"), item["Account"] != "dave@example.net") << item;
  }
}

}  // namespace
}  // namespace recrypt
