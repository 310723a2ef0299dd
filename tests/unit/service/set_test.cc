// Who may set what, and that nothing else is stored (docs/PROTOCOL.md, 3).
#include "core/jose/jwk.h"
#include "core/recryption/recryption.h"
#include "core/udf/udf.h"
#include "world.h"

namespace recrypt {
namespace {

Response GetStatic(TestClient& client, const std::string& type, const std::string& identifier) {
  GetRequest get;
  get.statics.push_back({type, identifier});
  return client.Call(Request(get));
}

StaticResult Static(TestClient& client, const std::string& type, const std::string& identifier) {
  const Response response = GetStatic(client, type, identifier);
  const auto* get = std::get_if<GetResponse>(&response);
  if (get != nullptr && get->statics.size() == 1) return get->statics[0];
  return {type, identifier, {StatusCode::kInternal, "test", "no answer"}, Json()};
}

class SetProfileTest : public testing::Test {
 protected:
  TestService service;
  TestAccount alice{"alice@example.com"};
  TestClient client{service, alice.sign};
};

TEST_F(SetProfileTest, IsAnsweredToAnyoneAsItWasSet) {
  const Json jws = alice.Jws();
  SetRequest set;
  set.what.emplace<Json>(jws);
  EXPECT_EQ(StatusIn(client.Call(Request(set))).status, StatusCode::kOk);
  GetRequest get;
  get.statics.push_back({"Profile", "alice@example.com"});
  const Response response = client.CallBare(Request(get));
  EXPECT_EQ(std::get<GetResponse>(response).statics.at(0).value, jws);
}

TEST_F(SetProfileTest, OfTheSameObjectAgainIsNoMistake) {
  SetRequest set;
  set.what.emplace<Json>(alice.Jws());
  EXPECT_EQ(StatusIn(client.Call(Request(set))).status, StatusCode::kOk);
  EXPECT_EQ(StatusIn(client.Call(Request(set))).status, StatusCode::kUpdated);
}

TEST_F(SetProfileTest, OfAHigherVersionReplaces) {
  ASSERT_TRUE(client.Register(alice).ok());
  alice.version = 5;
  EXPECT_EQ(client.Register(alice).status, StatusCode::kUpdated);
}

TEST_F(SetProfileTest, OfAnOlderVersionIsStale) {
  alice.version = 5;
  ASSERT_TRUE(client.Register(alice).ok());
  for (uint64_t version : {4, 1}) {
    alice.version = version;
    const ResponseStatus status = client.Register(alice);
    EXPECT_EQ(status.status, StatusCode::kExists);
    EXPECT_EQ(status.reason, "stale");
  }
}

TEST_F(SetProfileTest, ByAnotherMasterIsRefused) {
  ASSERT_TRUE(client.Register(alice).ok());
  TestAccount mallory("alice@example.com");
  mallory.version = 7;
  TestClient other(service, mallory.sign);
  EXPECT_EQ(other.Register(mallory).reason, "exists");
  EXPECT_EQ(VerifyProfile(Static(client, "Profile", "alice@example.com").value)->Udf(),
            alice.Udf());
}

TEST_F(SetProfileTest, OfAnotherDomainIsAGuests) {
  const TestAccount bob("bob@example.net");
  TestClient other(service, bob.sign);
  EXPECT_TRUE(other.Register(bob).ok());
  TestClient stranger(service, PrivateKey::Generate(Curve::kEd25519));
  EXPECT_EQ(stranger.Register(TestAccount("dora@example.net")).reason, "policy");
}

TEST_F(SetProfileTest, OfMoreGuestsThanAreLetInAreRefused) {
  service.Stop();
  service.config.guests = 2;
  service.Start();
  const auto registers = [&](const std::string& name) {
    const TestAccount account(name);
    TestClient device(service, account.sign);
    return device.Register(account);
  };
  EXPECT_TRUE(registers("bob@example.net").ok());
  EXPECT_TRUE(registers("bob@sub.example.com").ok());
  const auto refused = registers("carol@example.net");
  EXPECT_EQ(refused.reason, "policy");
  EXPECT_NE(refused.description.find("no more accounts of other domains than 2"),
            std::string::npos);
  // Accounts of the domain are none of them.
  EXPECT_TRUE(registers("carol@example.com").ok());
}

TEST_F(SetProfileTest, OfADeviceThatItDoesNotListIsRefused) {
  TestClient other(service, PrivateKey::Generate(Curve::kEd25519));
  EXPECT_EQ(other.Register(alice).reason, "policy");
}

TEST_F(SetProfileTest, WithABrokenSignatureIsRefused) {
  Json jws = alice.Jws();
  std::string signature = jws["signature"];
  signature[0] = signature[0] == 'A' ? 'B' : 'A';
  jws["signature"] = signature;
  SetRequest set;
  set.what.emplace<Json>(jws);
  EXPECT_FALSE(StatusIn(client.Call(Request(set))).ok());
  EXPECT_EQ(Static(client, "Profile", "alice@example.com").status.status, StatusCode::kNotFound);
}

TEST_F(SetProfileTest, ThatHasExpiredIsRefused) {
  const Json jws = alice.Jws();
  service.clock.Advance(int64_t{400} * 86400);
  client.clock_offset = int64_t{400} * 86400;
  SetRequest set;
  set.what.emplace<Json>(jws);
  EXPECT_EQ(StatusIn(client.Call(Request(set))).status, StatusCode::kInvalid);
}

TEST_F(SetProfileTest, IsRefusedWhenRegistrationIsClosed) {
  service.Stop();
  service.config.registration = "closed";
  service.Start();
  TestClient again(service, alice.sign);
  EXPECT_EQ(again.Register(alice).reason, "policy");
}

TEST_F(SetProfileTest, ThatDropsADeviceRevokesIt) {
  const PrivateKey phone = PrivateKey::Generate(Curve::kEd25519);
  alice.more_devices = {{"phone", phone.public_key(), alice.encrypt.public_key()}};
  ASSERT_TRUE(client.Register(alice).ok());
  TestLabel label("Accounting#example.com", alice, service);
  ASSERT_TRUE(client.SetLabel(label, alice).ok());
  TestClient phone_client(service, phone);
  EXPECT_EQ(phone_client.SetUser(label.User(alice)).status, StatusCode::kOk);
  alice.more_devices.clear();
  alice.version = 2;
  ASSERT_TRUE(client.Register(alice).ok());
  // Its session has ended, and a new one gives it no right.
  const HttpAnswer answer = phone_client.Send(phone_client.Sign("{}"));
  EXPECT_EQ(phone_client.StatusOfAnswer(answer).reason, "session");
  phone_client.Hello();
  EXPECT_EQ(phone_client.SetUser(label.User(alice)).reason, "not-administrator");
}

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

// Every text of every request, where SQL and paths would do harm if they were more than text.
TEST(HostileText, WithANulIsRefused) {
  World world;
  TestClient& c = world.alice_client;
  const std::string text("a\0b", 3);
  const auto status = [&](const Request& request) { return StatusIn(c.Call(request)).status; };
  GetRequest get;
  get.grants.push_back({text, NewEphemeral(), {}, {}});
  EXPECT_EQ(status(Request(get)), StatusCode::kInvalid);
  const std::string label = world.label.name();
  EXPECT_EQ(status(Request(SelectRequest{"", "Audit", label, text, "", "", 10})),
            StatusCode::kInvalid);
  EXPECT_EQ(
      status(Request(JoinRequest{"", label, world.alice.name.text(), world.alice.Jws(), text})),
      StatusCode::kInvalid);
  EXPECT_TRUE(world.bob_client.Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).status.ok());
}

TEST(HostileText, IsNothingButText) {
  World world;
  for (const std::string& text :
       {std::string("'; DROP TABLE audit; --"), std::string("\" OR 1=1 --"),
        std::string("x') UNION SELECT jws FROM profiles --"), std::string("../../etc/passwd"),
        std::string("%00%27"), std::string("\xF0\x9F\x94\x91"), std::string("$1 ?1 :x @x"),
        std::string(512, '\'')}) {
    TestClient& c = world.alice_client;
    for (const char* type : {"Profile", "KeySet", "Service", "Entry", "Secrets"}) {
      EXPECT_FALSE(Static(c, type, text).status.ok()) << type << " " << text;
    }
    EXPECT_FALSE(Static(c, text, "alice@example.com").status.ok());
    const GetResponse grant = c.Grant(text, {NewEphemeral()});
    EXPECT_EQ(grant.grants.at(0).status.reason, "no-entry");
    UserRecord user = world.label.User(world.carol);
    user.label = text;
    EXPECT_FALSE(c.SetUser(user).ok());
    user = world.label.User(world.carol);
    user.account = text;
    EXPECT_FALSE(c.SetUser(user).ok());
    using Kind = DeleteRequest::Kind;
    for (const DeleteRequest& one :
         {DeleteRequest{"", Kind::kUser, text, text, text},
          DeleteRequest{"", Kind::kUser, world.label.name(), text, ""},
          DeleteRequest{"", Kind::kUser, world.label.name(), "bob@example.net", text},
          DeleteRequest{"", Kind::kKeySet, text, "", ""},
          DeleteRequest{"", Kind::kDevice, "", text, text},
          DeleteRequest{"", Kind::kDevice, "", "alice@example.com", text}}) {
      EXPECT_FALSE(StatusIn(c.Call(Request(one))).ok()) << text;
    }
    for (const char* type : {"Labels", "Members", "Entries", "Audit", "Joins"}) {
      EXPECT_TRUE(
          StatusIn(c.Call(Request(SelectRequest{"", type, world.label.name(), text, text, "", 10})))
              .ok());
      EXPECT_EQ(StatusIn(c.Call(Request(SelectRequest{"", type, text, "", "", "", 10}))).ok(),
                std::string(type) == "Labels");
    }
    (void)c.Call(Request(SelectRequest{"", "Members", world.label.name(), "", "", text, 10}));
    EXPECT_FALSE(StatusIn(c.Call(Request(LeaveRequest{"", text}))).ok());
    EXPECT_FALSE(
        StatusIn(c.Call(Request(JoinRequest{"", text, text, world.alice.Jws(), text}))).ok());
  }
  EXPECT_TRUE(world.bob_client.Grant(world.label.Kid(), {NewEphemeral()}).grants.at(0).status.ok());
  SelectRequest audit{"", "Audit", world.label.name(), "", "", "", 1000};
  const Response records = world.alice_client.Call(Request(audit));
  EXPECT_GE(std::get<SelectResponse>(records).items.size(), 3u);
}

}  // namespace
}  // namespace recrypt
