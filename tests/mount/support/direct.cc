#include "tests/mount/support/direct.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

namespace recrypt {
namespace {

constexpr size_t kReadBytes = 128 << 10;

Caller ThisProcess() { return {{geteuid(), getegid()}, 0022}; }

}  // namespace

DirectMount::DirectMount(std::unique_ptr<Store> store, Access& access)
    : DirectMount(std::move(store), access, Settings{}) {}

DirectMount::DirectMount(std::unique_ptr<Store> store, Access& access, Settings settings)
    : store_(std::move(store)) {
  FileSystemOptions options;
  if (!settings.label.empty()) options.label = *LabelExpression::Parse(settings.label);
  options.verify_policy = [](ByteSpan) -> Result<SharePolicy> {
    return Fail(ErrorCode::kDenied, "no policy is believed here");
  };
  options.lock_wait_ms = settings.lock_wait_ms;
  options.key_writes = settings.key_writes;
  auto made = FileSystem::Create(std::move(options), *store_, access, clock_, kernel_,
                                 [this](LogLevel, const std::string& line) {
                                   std::lock_guard lock(log_mutex_);
                                   log_ += line + "\n";
                                 });
  if (!made) throw std::runtime_error(made.error().message);
  fs_ = std::move(*made);
}

DirectMount::~DirectMount() { fs_->Shutdown(); }

std::string DirectMount::log() const {
  std::lock_guard lock(log_mutex_);
  return log_;
}

Result<DirectMount::Place> DirectMount::PlaceOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) {
    return Place{Known(*fs_, Entry{fs_->root().shared_from_this(), {}}), path};
  }
  RECRYPT_ASSIGN(Known parent, Lookup(path.substr(0, slash)));
  return Place{std::move(parent), path.substr(slash + 1)};
}

Result<DirectMount::Known> DirectMount::Lookup(const std::string& path) {
  if (path.empty()) {
    RECRYPT_ASSIGN(struct stat attributes, fs_->GetAttributes(fs_->root()));
    return Known(*fs_, Entry{fs_->root().shared_from_this(), attributes});
  }
  RECRYPT_ASSIGN(Place place, PlaceOf(path));
  RECRYPT_ASSIGN(Entry entry, fs_->Lookup(*place.parent, place.name));
  return Known(*fs_, std::move(entry));
}

Result<DirectMount::File> DirectMount::Open(const std::string& path, int flags) {
  RECRYPT_ASSIGN(Place place, PlaceOf(path));
  auto found = fs_->Lookup(*place.parent, place.name);
  if (found) {
    Known inode(*fs_, std::move(*found));
    RECRYPT_ASSIGN(FileSystem::Opened opened, fs_->Open(*inode, flags & ~(O_CREAT | O_EXCL)));
    return File(*fs_, std::move(inode), std::move(opened.file));
  }
  if (found.error().code != ErrorCode::kNotFound || (flags & O_CREAT) == 0) {
    return Fail(std::move(found.error()));
  }
  RECRYPT_ASSIGN(FileSystem::Created created,
                 fs_->CreateFile(*place.parent, place.name, S_IFREG | 0644,
                                 flags & ~(O_CREAT | O_EXCL | O_TRUNC), ThisProcess()));
  return File(*fs_, Known(*fs_, std::move(created.entry)), std::move(created.file));
}

Status DirectMount::File::Write(uint64_t offset, std::string_view data) {
  return fs_->Write(*open_, offset, AsBytes(data), WriteAt::kOffset);
}

Status DirectMount::File::Append(std::string_view data) {
  RECRYPT_ASSIGN(struct stat st, fs_->GetAttributes(*inode_));
  return fs_->Write(*open_, static_cast<uint64_t>(st.st_size), AsBytes(data), WriteAt::kEnd);
}

Result<std::string> DirectMount::File::Read(uint64_t offset, size_t size) {
  Bytes buffer(size);
  RECRYPT_ASSIGN(size_t got, fs_->Read(*open_, offset, buffer));
  return std::string(AsText(ByteSpan(buffer).first(got)));
}

Result<std::string> DirectMount::File::ReadAll() {
  std::string content;
  for (;;) {
    RECRYPT_ASSIGN(const std::string part, Read(content.size(), kReadBytes));
    if (part.empty()) return content;
    content += part;
  }
}

Status DirectMount::File::Truncate(uint64_t size) {
  AttributeChange change;
  change.size = size;
  RECRYPT_TRY(fs_->SetAttributes(*inode_, change, open_.get()));
  return {};
}

Status DirectMount::File::Close() {
  if (open_ == nullptr) return {};
  Status flushed = fs_->Flush(*open_);
  fs_->Close(*open_);
  open_.reset();
  return flushed;
}

Result<struct stat> DirectMount::Stat(const std::string& path) {
  RECRYPT_ASSIGN(Known inode, Lookup(path));
  return fs_->GetAttributes(*inode);
}

Result<std::string> DirectMount::Read(const std::string& path) {
  RECRYPT_ASSIGN(File file, Open(path, O_RDONLY));
  return file.ReadAll();
}

Status DirectMount::Write(const std::string& path, std::string_view content) {
  RECRYPT_ASSIGN(File file, Open(path, O_WRONLY | O_CREAT | O_TRUNC));
  RECRYPT_TRY(file.Write(0, content));
  return file.Close();
}

Status DirectMount::MakeDirectory(const std::string& path) {
  RECRYPT_ASSIGN(Place place, PlaceOf(path));
  RECRYPT_ASSIGN(Entry entry, fs_->MakeDirectory(*place.parent, place.name, 0755, ThisProcess()));
  fs_->Forget(*entry.inode, 1);
  return {};
}

Status DirectMount::MakeSymlink(const std::string& path, const std::string& target) {
  RECRYPT_ASSIGN(Place place, PlaceOf(path));
  RECRYPT_ASSIGN(Entry entry, fs_->MakeSymlink(*place.parent, place.name, target, ThisProcess()));
  fs_->Forget(*entry.inode, 1);
  return {};
}

Status DirectMount::Link(const std::string& path, const std::string& to) {
  RECRYPT_ASSIGN(Known inode, Lookup(path));
  RECRYPT_ASSIGN(Place place, PlaceOf(to));
  RECRYPT_ASSIGN(Entry entry, fs_->Link(*inode, *place.parent, place.name));
  fs_->Forget(*entry.inode, 1);
  return {};
}

Status DirectMount::Unlink(const std::string& path) {
  RECRYPT_ASSIGN(Place place, PlaceOf(path));
  return fs_->Unlink(*place.parent, place.name);
}

Status DirectMount::RemoveDirectory(const std::string& path) {
  RECRYPT_ASSIGN(Place place, PlaceOf(path));
  return fs_->RemoveDirectory(*place.parent, place.name);
}

// As the kernel does it: both names have been looked up, so that their inodes are known.
Status DirectMount::Rename(const std::string& from, const std::string& to, unsigned flags) {
  RECRYPT_ASSIGN(Known source, Lookup(from));
  auto target = Lookup(to);
  if (!target && target.error().code != ErrorCode::kNotFound) {
    return Fail(std::move(target.error()));
  }
  RECRYPT_ASSIGN(Place from_place, PlaceOf(from));
  RECRYPT_ASSIGN(Place to_place, PlaceOf(to));
  return fs_->Rename(*from_place.parent, from_place.name, *to_place.parent, to_place.name, flags);
}

Result<std::vector<std::string>> DirectMount::List(const std::string& path) {
  RECRYPT_ASSIGN(Known inode, Lookup(path));
  RECRYPT_ASSIGN(auto directory, fs_->OpenDir(*inode));
  std::vector<std::string> names;
  for (;;) {
    auto shown = fs_->ReadDir(*directory);
    if (!shown) return Fail(std::move(shown.error()));
    if (!shown->has_value()) break;
    const std::string& name = (*shown)->name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Status DirectMount::SetXattr(const std::string& path, const std::string& name,
                             std::string_view value) {
  RECRYPT_ASSIGN(Known inode, Lookup(path));
  return fs_->SetXattr(*inode, name, AsBytes(value), 0);
}

Result<std::string> DirectMount::GetXattr(const std::string& path, const std::string& name) {
  RECRYPT_ASSIGN(Known inode, Lookup(path));
  char value[256];
  RECRYPT_ASSIGN(const size_t size, fs_->GetXattr(*inode, name, value, sizeof value));
  return std::string(value, size);
}

Status DirectMount::ListXattr(const std::string& path) {
  RECRYPT_ASSIGN(Known inode, Lookup(path));
  char list[256];
  RECRYPT_TRY(fs_->ListXattr(*inode, list, sizeof list));
  return {};
}

Result<struct stat> DirectMount::ChangeModeAndTime(const std::string& path, mode_t mode,
                                                   time_t modified) {
  RECRYPT_ASSIGN(Known inode, Lookup(path));
  AttributeChange change;
  change.mode = mode;
  change.modified = timespec{modified, 0};
  return fs_->SetAttributes(*inode, change, nullptr);
}

Status DirectMount::StatFs(const std::string& path) {
  RECRYPT_ASSIGN(Known inode, Lookup(path));
  RECRYPT_TRY(fs_->StatFs(*inode));
  return {};
}

Status DirectMount::CheckAccess(const std::string& path, int mask) {
  RECRYPT_ASSIGN(Known inode, Lookup(path));
  return fs_->CheckAccess(*inode, mask);
}

}  // namespace recrypt
