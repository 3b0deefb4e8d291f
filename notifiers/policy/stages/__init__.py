"""The stages of the contact policy, one file each; ``notifiers.policy.planning`` puts them in order."""
