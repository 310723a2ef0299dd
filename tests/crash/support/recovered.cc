#include "tests/crash/support/recovered.h"

#include <fcntl.h>

#include <cstdlib>
#include <sstream>

#include "fs/posix_store.h"

namespace recrypt {
namespace {

const Caller kNobody{{65534, 65534}, 0};

std::unique_ptr<Store> StoreAt(const std::string& directory) {
  auto store = PosixStore::Open(directory);
  if (!store) throw std::runtime_error(store.error().message);
  return std::move(*store);
}

std::string Below(const std::string& directory, const std::string& name) {
  return directory.empty() ? name : directory + "/" + name;
}

Bytes BytesOf(const std::string& text) { return Bytes(text.begin(), text.end()); }

}  // namespace

FoundThing FoundThing::File(std::string_view content) {
  FoundThing file;
  file.size = content.size();
  file.digest = Sha256(AsBytes(content));
  return file;
}

RecoveredShare::RecoveredShare(const std::string& directory, Access& access)
    : RecoveredShare(StoreAt(directory), access) {}

RecoveredShare::RecoveredShare(std::unique_ptr<Store> store, Access& access,
                               const std::string& label)
    : store_(std::move(store)) {
  FileSystemOptions options;
  options.label = *LabelExpression::Parse(label);
  options.lock_wait_ms = 200;
  auto fs = FileSystem::Create(std::move(options), *store_, access, clock_, kernel_,
                               [this](LogLevel, const std::string& line) {
                                 std::lock_guard lock(log_mutex_);
                                 log_ += line + "\n";
                               });
  if (!fs) throw std::runtime_error(fs.error().message);
  fs_ = std::move(*fs);
}

RecoveredShare::~RecoveredShare() { fs_->Shutdown(); }

FoundTree RecoveredShare::ReadTree() {
  FoundTree found;
  ReadDirectory(fs_->root(), "", found);
  return found;
}

void RecoveredShare::ReadDirectory(Inode& directory, const std::string& path, FoundTree& found) {
  auto open = fs_->OpenDir(directory);
  if (!open) {
    found[path].error = open.error().message;
    return;
  }
  for (;;) {
    auto next = fs_->ReadDir(**open);
    if (!next || !*next) {
      if (!next) found[path].error = next.error().message;
      return;
    }
    const std::string& name = (*next)->name;
    if (name == "." || name == "..") continue;
    FoundThing& thing = found[Below(path, name)];
    auto entry = fs_->Lookup(directory, name);
    if (!entry) {
      thing.error = "looking it up: " + entry.error().message;
      continue;
    }
    thing.is_directory = entry->inode->is_directory();
    if (thing.is_directory) {
      ReadDirectory(*entry->inode, Below(path, name), found);
    } else {
      auto content = ReadDocument(*entry->inode);
      if (content) {
        thing = FoundThing::File(*content);
        Status read = ReadXattrs(*entry->inode, thing);
        if (!read) thing.error = "its attributes: " + read.error().message;
      } else {
        thing.error = content.error().message;
      }
    }
    fs_->Forget(*entry->inode, 1);
  }
}

Result<std::string> RecoveredShare::ReadDocument(Inode& inode) {
  RECRYPT_ASSIGN(FileSystem::Opened opened, fs_->Open(inode, O_RDONLY));
  std::string content;
  Bytes buffer(size_t{256} << 10);
  Status read;
  for (;;) {
    auto size = fs_->Read(*opened.file, content.size(), buffer);
    if (!size) read = Fail(std::move(size.error()));
    if (!size || *size == 0) break;
    content.append(AsText(ByteSpan(buffer).first(*size)));
  }
  if (read) {
    auto shown = fs_->GetAttributes(inode);
    if (shown && static_cast<uint64_t>(shown->st_size) != content.size()) {
      read =
          Fail(ErrorCode::kCorrupt, "stat says " + std::to_string(shown->st_size) +
                                        " bytes, but there are " + std::to_string(content.size()));
    }
  }
  fs_->Close(*opened.file);
  RECRYPT_TRY(read);
  return content;
}

Status RecoveredShare::ReadXattrs(Inode& inode, FoundThing& thing) {
  std::string list(65'536, '\0');
  RECRYPT_ASSIGN(const size_t size, fs_->ListXattr(inode, list.data(), list.size()));
  std::istringstream names(list.substr(0, size));
  for (std::string name; std::getline(names, name, '\0');) {
    if (!name.starts_with("user.") || name.starts_with("user.jcd.")) continue;
    std::string value(65'536, '\0');
    RECRYPT_ASSIGN(const size_t got, fs_->GetXattr(inode, name, value.data(), value.size()));
    thing.xattrs[name] = value.substr(0, got);
  }
  return {};
}

Result<Entry> RecoveredShare::Find(const std::string& path) {
  std::istringstream names(path);
  Inode* directory = &fs_->root();
  std::shared_ptr<Inode> held;
  Result<Entry> entry = Fail(ErrorCode::kNotFound, "no name");
  for (std::string name; std::getline(names, name, '/');) {
    entry = fs_->Lookup(*directory, name);
    if (held != nullptr) fs_->Forget(*held, 1);
    if (!entry) return entry;
    held = entry->inode;
    directory = held.get();
  }
  return entry;
}

Result<std::string> RecoveredShare::Read(const std::string& path) {
  RECRYPT_ASSIGN(Entry entry, Find(path));
  auto content = ReadDocument(*entry.inode);
  fs_->Forget(*entry.inode, 1);
  return content;
}

std::string RecoveredShare::Change(const std::string& path) {
  auto before = Read(path);
  if (!before) return before.error().message;
  std::string wanted = *before + "appended after the crash";
  wanted.replace(0, 9, "rewritten");
  auto entry = Find(path);
  if (!entry) return entry.error().message;
  auto opened = fs_->Open(*entry->inode, O_RDWR);
  if (!opened) return "opening to write: " + opened.error().message;
  Status done = fs_->Write(*opened->file, before->size(), AsBytes(wanted).subspan(before->size()),
                           WriteAt::kEnd);
  if (done) done = fs_->Write(*opened->file, 0, BytesOf(wanted.substr(0, 9)), WriteAt::kOffset);
  if (done) done = fs_->Sync(*opened->file);
  fs_->Close(*opened->file);
  fs_->Forget(*entry->inode, 1);
  if (!done) return "writing: " + done.error().message;
  auto after = Read(path);
  if (!after) return "reading what was written: " + after.error().message;
  return *after == wanted ? "" : "what was written is not there";
}

std::string RecoveredShare::GoOn(const FoundTree& found) {
  for (const auto& [path, thing] : found) {
    if (thing.is_directory) continue;
    const std::string wrong = Change(path);
    if (!wrong.empty()) return "going on with \"" + path + "\": " + wrong;
  }
  auto made = fs_->CreateFile(fs_->root(), "made after the crash", 0644, O_RDWR, kNobody);
  if (!made) return "making a file: " + made.error().message;
  Status done = fs_->Write(*made->file, 0, AsBytes("new"), WriteAt::kOffset);
  if (done) done = fs_->Sync(*made->file);
  fs_->Close(*made->file);
  fs_->Forget(*made->entry.inode, 1);
  return done ? "" : "writing a new file: " + done.error().message;
}

}  // namespace recrypt
