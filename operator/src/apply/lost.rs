//! A Secret that alone opens a disk is not made anew: another password would not open it, and what was lost could not be put back.

use kube::Api;
use kube::core::DynamicObject;

use super::{Failure, Pass};
use crate::child::{Child, Kind};
use crate::credentials::disks_opened_by;
use crate::observed::Uid;

impl Pass<'_> {
    /// Why a Secret that is not there must not be created; nothing if it may be.
    pub(super) async fn lost(&self, secret: &Child) -> Option<Failure> {
        let disks = self.disks_of(secret)?;
        let api: Api<DynamicObject> = self.api(secret.key.kind);
        // A watch that began anew may not know it yet.
        match api.get_metadata_opt(&secret.key.name).await {
            Ok(None) => Some(Failure::CredentialsLost { disks }),
            Ok(Some(_)) => None,
            Err(error) => Some(Failure::of(error)),
        }
    }

    /// The disks that are there and that only this Secret opens. Those that go with an owner before are nobody's loss.
    fn disks_of(&self, secret: &Child) -> Option<String> {
        let begin = disks_opened_by(&secret.key.name)?;
        let children = self.view.children.iter();
        let disks = children.filter(|(key, disk)| {
            let others = disk
                .controller
                .as_ref()
                .is_some_and(|uid| *uid != Uid::of(&self.owner.uid));
            key.kind == Kind::PersistentVolumeClaim
                && key.name.starts_with(&begin)
                && !disk.deleting
                && !others
        });
        let names: Vec<_> = disks.map(|(key, _)| key.name.as_str()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }
}
