//! A whole model: manifest, graph and weights, checked against each other.

use std::collections::BTreeSet;
use std::path::Path;

#[cfg(feature = "few_shot")]
use super::GroupEntry;
use super::{Graph, Manifest, ModelError, Owner, Param, Tensor, TensorFile};

/// The weights of a model: the shared trunk and one branch a group.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// Tensors shared by all groups.
    pub trunk: TensorFile,
    /// Tensors of each group, in the manifest's order.
    pub branches: Vec<TensorFile>,
}

impl Weights {
    /// The tensor of a parameter for `group` (which trunk parameters ignore).
    ///
    /// # Errors
    /// [`ModelError::MissingTensor`] or [`ModelError::TensorShape`], naming file and tensor, or
    /// [`ModelError::MissingBranch`] for a group without weights.
    pub fn get(&self, param: &Param, group: usize) -> Result<&Tensor, ModelError> {
        match param.owner {
            Owner::Trunk => self.trunk.get(&param.path, &param.dims),
            Owner::Branch => {
                let missing = || ModelError::MissingBranch { group, branches: self.branches.len() };
                self.branches.get(group).ok_or_else(missing)?.get(&param.path, &param.dims)
            }
        }
    }

    /// Checks that every parameter is there in its shape and that no tensor is left over.
    fn check(&self, graph: &Graph) -> Result<(), ModelError> {
        for param in graph.params() {
            let groups = if param.owner == Owner::Trunk { 1 } else { self.branches.len() };
            (0..groups).try_for_each(|group| self.get(param, group).map(|_| ()))?;
        }
        check_known(&self.trunk, graph, Owner::Trunk)?;
        self.branches.iter().try_for_each(|file| check_known(file, graph, Owner::Branch))
    }
}

fn check_known(file: &TensorFile, graph: &Graph, owner: Owner) -> Result<(), ModelError> {
    let known: BTreeSet<&str> = graph.params().iter().filter(|p| p.owner == owner).map(|p| p.path.as_str()).collect();
    match file.tensors.keys().find(|path| !known.contains(path.as_str())) {
        None => Ok(()),
        Some(tensor) => Err(ModelError::UnknownTensor { file: file.file.clone(), tensor: tensor.clone() }),
    }
}

/// A network ready to be planned: its manifest, its graph and its weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The manifest it was read from.
    pub manifest: Manifest,
    /// The generator's graph.
    pub graph: Graph,
    /// Weights that fit the graph.
    pub weights: Weights,
}

impl Model {
    /// Puts a model together from its parts.
    ///
    /// # Errors
    /// Any mistake of the configuration, or a tensor that is missing, left over or of another shape.
    pub fn new(manifest: Manifest, trunk: TensorFile, branches: Vec<TensorFile>) -> Result<Self, ModelError> {
        let graph = manifest.generator.build(manifest.groups.len())?;
        let weights = Weights { trunk, branches };
        if weights.branches.len() != manifest.groups.len() {
            return Err(ModelError::config("groups", "must have one branch file each"));
        }
        weights.check(&graph)?;
        Ok(Self { manifest, graph, weights })
    }

    /// Reads a package from disk, given the path of its manifest.
    ///
    /// # Errors
    /// Any [`ModelError`]; the message names the file.
    pub fn load(manifest: &Path) -> Result<Self, ModelError> {
        let name = manifest.display().to_string();
        let parsed = Manifest::parse(&name, &read(manifest)?)?;
        let folder = manifest.parent().unwrap_or(Path::new("."));
        let open = |file: &str| {
            let path = folder.join(file);
            TensorFile::parse(&path.display().to_string(), &read(&path)?)
        };
        let trunk = open(&parsed.trunk)?;
        let branches = parsed.groups.iter().map(|g| open(&g.weights)).collect::<Result<_, _>>()?;
        Self::new(parsed, trunk, branches)
    }

    /// Writes the package as `<folder>/<name>.cartoon.ron` and its weight files (F32); returns the manifest's path.
    ///
    /// # Errors
    /// [`ModelError::File`] naming the file that could not be written.
    pub fn save(&self, folder: &Path) -> Result<std::path::PathBuf, ModelError> {
        std::fs::create_dir_all(folder).map_err(|e| ModelError::file(folder.display().to_string(), e))?;
        write(&folder.join(&self.manifest.trunk), &self.weights.trunk.to_bytes()?)?;
        for (group, branch) in self.manifest.groups.iter().zip(&self.weights.branches) {
            write(&folder.join(&group.weights), &branch.to_bytes()?)?;
        }
        let manifest = folder.join(format!("{}.cartoon.ron", self.manifest.name));
        write(&manifest, self.manifest.to_ron()?.as_bytes())?;
        Ok(manifest)
    }

    /// The model with one group more. The others stay as they are.
    ///
    /// # Errors
    /// [`ModelError::Config`] for a name that is empty or taken, or the mistake in the branch.
    #[cfg(feature = "few_shot")]
    pub fn with_group(&self, entry: GroupEntry, branch: TensorFile) -> Result<Self, ModelError> {
        let mut manifest = self.manifest.clone();
        manifest.groups.push(entry);
        manifest.check()?;
        let branches = self.weights.branches.iter().cloned().chain([branch]).collect();
        Self::new(manifest, self.weights.trunk.clone(), branches)
    }

    /// Adds a group to a package on disk: its file, and its line in the manifest.
    ///
    /// # Errors
    /// Any [`ModelError`] of the package or the new branch; then the manifest is as it was.
    #[cfg(all(feature = "few_shot", not(target_arch = "wasm32")))]
    pub fn add_group_on_disk(manifest: &Path, entry: &GroupEntry, branch: &TensorFile) -> Result<(), ModelError> {
        let model = Self::load(manifest)?.with_group(entry.clone(), branch.clone())?;
        let folder = manifest.parent().unwrap_or(Path::new("."));
        write(&folder.join(&entry.weights), &branch.to_bytes()?)?;
        // A manifest is whole or as it was, whatever happens meanwhile.
        let fresh = manifest.with_extension("ron.new");
        write(&fresh, model.manifest.to_ron()?.as_bytes())?;
        std::fs::rename(&fresh, manifest).map_err(|e| ModelError::file(manifest.display().to_string(), e))
    }

    /// The index of a group.
    ///
    /// # Errors
    /// [`ModelError::UnknownGroup`] with the names that exist.
    pub fn group_index(&self, group: &str) -> Result<usize, ModelError> {
        self.manifest
            .groups
            .iter()
            .position(|g| g.name == group)
            .ok_or_else(|| ModelError::UnknownGroup { group: group.to_owned(), known: self.manifest.group_names() })
    }

    /// Side of the square picture the network takes, in pixels.
    pub fn image_size(&self) -> usize {
        self.manifest.generator.image_size()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ModelError> {
    std::fs::read(path).map_err(|e| ModelError::file(path.display().to_string(), e))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), ModelError> {
    std::fs::write(path, bytes).map_err(|e| ModelError::file(path.display().to_string(), e))
}
